/*
Package flat says how many errors a minute a container makes, and whether that is a spike, falling, or flat again.

Sources count errors and hand them to a Recorder, which keeps them by the minute. A Gauge reads what they were at an alert. After a restore a
Judge looks every few seconds, and has the timeline say what becomes of them:

	watching ──▶ falling ──▶ flat ◀──▶ back ──▶ (falling, not flat)
	    │           │
	    └───────────┴──▶ not flat │ quiet │ unclear │ unseen ──▶ flat
	    │
	    └──▶ uncompared

Not flat can't become falling again. Flat is told in the channel and to PagerDuty once; when errors were back and are flat again, the
incident's thread has it.

An undo, another restore of the container, and the incident's end are the end of it. What was said last is written beside the restore, so
that each is said once, by any number of bots.

# The definition

	baseline   errors a minute in the hour before the deploy, or before the alert; from 3 minutes of history on
	spike      the last 5 or 2 minutes have at least 5 errors, not all in one minute, and more a minute than the limit of flat, and
	           the exact conditional binomial test rejects "at most twice the baseline" at 0.001
	falling    after a restore, the exact Poisson test rejects "a quarter of the way from the baseline to the spike" at 5 %
	flat       a sequential test rejects "at the limit" at 5 %, in two looks in a row; the limit is the higher of twice the baseline and
	           3 a minute more
	not flat   5 minutes after the restore, errors are above the limit
	quiet      less than a fifth of the usual requests: not enough traffic to tell

Counts are divided by their dispersion before they are tested, since errors come in bursts. Minutes with fewer requests than usual count as
parts of minutes. docs/flat.md has the arithmetic, its limits, and how often it is wrong.

This package knows neither where the counts come from nor who is told.
*/
package flat
