/*
Package prometheus takes errors per minute from a Prometheus server, or from what answers as one does, by the query that a container's label
gives. Values of several series are added up. A series that is not there counts as zero, if the query was answered: many counters appear with
their first error.

What is missing since the last answer is asked for as a range, and so is the time before the bot was there. Of that past, it is told what
the server was scraping for.
*/
package prometheus
