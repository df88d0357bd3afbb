/*
Package logtail counts errors in the logs of containers, as they are written. It never attaches to a container: it reads the log that
the engine keeps, so a reader that is slow or dies holds nothing up.

For each enabled container that has no other source there is one tail, which is one goroutine:

	past      what the log has from before: at the first start up to 90 minutes, after a break what has come since
	follow    what comes, as it comes
	samples   when more comes than is worth reading: every few seconds the log's end, with the share that it is of the whole

What is read is told as spans of time that follow each other, also those without any error: silence is knowledge. A span that was
not read, such as the time before a log begins, is not told. Nor is one in which the engine gave no sign: neither a line, nor
an answer to the look for containers, which comes every few seconds, nor, where the engine was away, a minute in which nothing was written. A stream that brings nothing is doubted now and then: an engine may
answer, and not bring what a log has.

A tail belongs to the container's key and not to its ID: when a deploy replaces the container, it goes on with the new one's log.
Where it goes on after a restart of the bot is what has been counted by then. Several bots may count one container: a Recorder keeps
what is counted twice once.
*/
package logtail
