/*
Package errorlines says which lines of a log are errors, and which ones are requests, in the formats that programs log in:
JSON, logfmt, glog and klog, log4j and its kin, Python's, syslog's, Ruby's and .NET's, and access logs. It takes a line for
an error for its level, for an HTTP status of 500 or more, or for being the first line of a stack trace. It never looks for
words in a message: "0 errors" is none.

A log is read as it comes, a Reader for each stream, since a stack trace of many lines is one error: the one that its first
line, or the line with a level before it, was counted as. A Log has both streams, since some programs tell of an error on each.

Most lines take some hundred nanoseconds. A pattern of one's own may take more.
*/
package errorlines
