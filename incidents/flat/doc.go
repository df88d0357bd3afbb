/*
Package flat says how many errors a minute a container makes, and whether that is a spike, falling, or flat again.

Sources count errors and hand them to a Recorder, which keeps them by the minute. A Gauge reads what they were at an alert. After a restore a
Judge looks every few seconds, and has the timeline say what becomes of them:

	watching ──▶ falling ──▶ flat ◀──▶ back ──▶ (falling, not flat)
	    │           │
	    └───────────┴──▶ not flat │ quiet │ unclear │ unseen ──▶ flat
	    │
	    └──▶ uncompared

Not flat can't become falling again. The channel is told once that errors are flat, and once that they are back; of what follows, the
incident's thread has it. PagerDuty gets a note of each, so that its last one is true.

A deploy after the restore begins the watch anew, and the sentence names it; once errors were flat, it only names it.

An undo, another restore of the container, and the incident's end are the end of it. What was said last is written beside the restore, so
that each is said once, by any number of bots.

# The definition

	baseline   errors a minute in the hour before the deploy, or before the alert; from 3 minutes of history on. Before an alert without
	           a deploy it ends ten minutes earlier, or with less history, when errors rose
	spike      the last 5 or 2 minutes have at least 5 errors, not all in one minute, and more a minute than the limit of flat, and
	           the exact conditional binomial test rejects "at most twice the baseline" at 0.001
	falling    after a restore, the exact Poisson test rejects "a quarter of the way from the baseline to the spike" at 5 %
	flat       a sequential test rejects "at the limit" at 5 %, in two looks in a row; the limit is the higher of twice the baseline and
	           3 a minute more
	not flat   5 minutes after the restore, errors are above the limit
	quiet      less than a fifth of the usual requests: not enough traffic to tell

docs/flat.md has the limits of this, and simulation.md how often it is wrong.

# The arithmetic

Errors of logs come in bursts, so a Poisson process alone would promise too much. The dispersion is how much more the minutes of the baseline
vary than a Poisson process does: Pearson's statistic, over minutes and over blocks of five, and at least 1 + 6/minutes, since a short baseline
says little. Every count is divided by it before it is tested.

Spike is the exact conditional binomial test of two Poisson rates (Przyborowski and Wilenski, 1940): of all errors of both spans, how many fall
into the last minutes. It holds for a baseline of zero, too.

Flat is a sequential test, so that one may look every few seconds. For a span since a moment s with x errors in t minutes, the evidence against
the limit r0 is (r0 - r1)*t - x*ln(r0/r1), where r1 is the baseline, or an eighth of the limit if that is higher. Half of the weight is on the
restore as s, the rest on later moments, so that errors of the first seconds don't count for ever. While the rate is at the limit or above, the
mean of the weighed likelihood ratios never rises. By Ville's inequality the chance that it reaches 20 within half an hour is at most 1 in 20.
That also holds for bursts that are independent of each other, as long as the dispersion is right.

Falling is looked at often, each time at 5 %. Errors that stay a quarter of the way up are called falling in the end. It can't be told sooner:
with a baseline of 1.1 and a spike of 21 a minute, a quarter of the way is 6.1, at which 30 seconds without any error come in 4.8 % of cases.
That leaves nothing for the few seconds until a line is counted, nor for a dispersion above 1, and a test that allows for repeated looks wants more.

Where requests are counted, a minute with fewer than usual counts as the part of a minute that they are. More than usual count as one minute. A
minute whose requests are not known counts as none, if those of the baseline are known. Those are known if three minutes have them.

A source that reads a share of the lines tells which. What was counted in it stands for that share of the time.

This package knows neither where the counts come from nor who is told.
*/
package flat
