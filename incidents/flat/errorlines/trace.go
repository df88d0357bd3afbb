package errorlines

import "bytes"

// kind is what a line without a level may be in a stack trace.
type kind uint8

const (
	plain kind = iota
	goesOn
	follows     // what says that another trace of the same error comes
	isTraceback // Python's
	isPanic     // Go's
	isException // the name of an exception, with or without a message
)

// prefixes by which lines of stack traces are known. The first letter is looked at first.
var prefixes = []struct {
	text string
	kind kind
}{
	{"Traceback (most recent call last)", isTraceback},
	{"panic: ", isPanic}, {"fatal error: ", isPanic}, {"unexpected fault address", isPanic},
	{"Fatal error: ", isException}, {"Parse error: ", isException}, // PHP's, where it is not told to write to a log
	{"Exception in thread ", isException}, {"Unhandled exception", isException}, {"Unhandled Exception", isException},
	{"Uncaught ", isException}, {"UnhandledPromiseRejection", isException}, {"Unhandled Rejection", isException},
	{"Caused by: ", goesOn}, {"Suppressed: ", goesOn}, {"at ", goesOn}, {"... ", goesOn},
	{"During handling of the above exception", follows}, {"The above exception was the direct cause", follows},
	{"goroutine ", goesOn}, {"created by ", goesOn}, {"exit status ", goesOn}, {"[signal ", goesOn},
	{"from ", goesOn}, {"[stacktrace]", goesOn}, {"Stack trace:", goesOn}, {"Node.js v", goesOn}, {"}", goesOn},
	{"DETAIL:", goesOn}, {"HINT:", goesOn}, {"STATEMENT:", goesOn}, {"CONTEXT:", goesOn},
}

// first says which bytes the prefixes begin with.
var first = func() (set [256]bool) {
	for _, p := range prefixes {
		set[p.text[0]] = true
	}
	return set
}()

func kindOf(line []byte) kind {
	if first[line[0]] {
		for _, p := range prefixes {
			if len(line) >= len(p.text) && line[0] == p.text[0] && string(line[:len(p.text)]) == p.text {
				return p.kind
			}
		}
	}
	switch {
	case namesException(line), rubyException(line), begins(line, "(node:", "UnhandledPromiseRejection"), begins(line, "thread '", " panicked at "):
		return isException
	case len(line) > 1 && line[0] == '#' && digit(line[1]): // PHP's frames
		return goesOn
	}
	return plain
}

// namesException says that a line begins with the name of a class that ends in Error or Exception, and then ends or goes on with a colon.
func namesException(line []byte) bool {
	end := 0
	for end < len(line) && end < 200 && (keyByte(line[end]) || line[end] == '$' || line[end] == '\\' || bytes.HasPrefix(line[end:], []byte("::"))) {
		if line[end] == ':' {
			end++
		}
		end++
	}
	rest := line[end:]
	if len(rest) > 0 && !bytes.HasPrefix(rest, []byte(": ")) && !bytes.HasPrefix(rest, []byte(" [")) && !bytes.HasPrefix(rest, []byte(" (")) && string(rest) != ":" {
		return false
	}
	name := line[:end]
	return bytes.HasSuffix(name, []byte("Error")) || bytes.HasSuffix(name, []byte("Exception"))
}

// rubyException is for app.rb:3:in `pay': boom (RuntimeError).
func rubyException(line []byte) bool {
	return line[len(line)-1] == ')' && (bytes.HasSuffix(line, []byte("Error)")) || bytes.HasSuffix(line, []byte("Exception)"))) &&
		bytes.Contains(line, []byte(":in "))
}

// begins says that a line begins with one text, and has another one.
func begins(line []byte, prefix, has string) bool {
	return bytes.HasPrefix(line, []byte(prefix)) && bytes.Contains(line, []byte(has))
}
