package errorlines

import "bytes"

// accessStatus is the status that an access log's line tells; 0: it is none.
func accessStatus(line []byte) int {
	if at := bytes.IndexByte(line, '"'); at >= 0 {
		if n := afterRequest(line, at); n != 0 {
			return n
		}
		if n := haproxyStatus(line[:at]); n != 0 {
			return n
		}
	}
	switch {
	case bytes.HasPrefix(line, []byte("[GIN]")):
		return ginStatus(line)
	case upper(line[0]):
		return max(morganStatus(line), completedStatus(line))
	case line[0] == '[':
		return completedStatus(line)
	}
	return 0
}

// afterRequest is for the common and the combined format, and what is like them: the request in quotes, a space, the status.
// The request may be anything that a client has sent.
func afterRequest(line []byte, at int) int {
	o := object{text: line, at: at}
	request := o.quoted()
	rest := line[o.at:]
	if len(rest) < 4 || rest[0] != ' ' || len(rest) > 4 && rest[4] != ' ' {
		return 0
	}
	if !bytes.Contains(request, []byte(" HTTP/")) && !accessPrefix(line[:at]) {
		return 0
	}
	return status(rest[1:])
}

// accessPrefix says that the line begins with an address, and has a time in brackets before the request.
func accessPrefix(before []byte) bool {
	return bytes.HasSuffix(before, []byte("] ")) && bytes.Contains(before, []byte(" - "))
}

// haproxyStatus is for what stands before the request in HAProxy's HTTP format (its manual, section 8.2.3):
// 10.0.1.2:33317 [28/Nov/2026:03:42:00.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 "GET / HTTP/1.1".
func haproxyStatus(before []byte) int {
	_, rest, found := bytes.Cut(before, []byte("] "))
	for range 2 { // the frontend, and the backend with its server
		_, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	timers, rest, _ := bytes.Cut(rest, []byte(" "))
	if !found || bytes.Count(timers, []byte("/")) != 4 || len(bytes.Trim(timers, "0123456789/+-")) > 0 || len(rest) < 4 || rest[3] != ' ' {
		return 0
	}
	return status(rest)
}

// ginStatus is for [GIN] 2026/11/28 - 03:42:00 | 500 | 1.2ms | 10.0.0.1 | GET "/".
func ginStatus(line []byte) int {
	_, rest, _ := bytes.Cut(line, []byte("|"))
	return status(bytes.TrimLeft(rest, " "))
}

// morganStatus is for GET /cart 500 12.3 ms - 15.
func morganStatus(line []byte) int {
	method, rest, _ := bytes.Cut(line[:min(len(line), 2048)], []byte(" "))
	if len(rest) == 0 || rest[0] != '/' || !isMethod(method) {
		return 0
	}
	_, rest, _ = bytes.Cut(rest, []byte(" "))
	if len(rest) > 3 && rest[3] != ' ' {
		return 0
	}
	return status(rest)
}

// completedStatus is for Rails without Ruby's header: Completed 500 Internal Server Error in 12ms, with or without [tags] before it.
func completedStatus(line []byte) int {
	for len(line) > 0 && line[0] == '[' {
		_, line, _ = bytes.Cut(line, []byte("] "))
	}
	rest, found := bytes.CutPrefix(line, []byte("Completed "))
	if !found || len(rest) < 6 || rest[3] != ' ' || !upper(rest[4]) || !bytes.Contains(rest, []byte(" in ")) {
		return 0
	}
	return status(rest)
}

func isMethod(word []byte) bool {
	switch string(word) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return true
	}
	return false
}
