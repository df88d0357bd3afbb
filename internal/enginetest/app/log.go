package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// say writes lines into the container's log; one that begins with "2:" goes to standard error. It is for docker exec.
func say(lines []string) error {
	for _, line := range lines {
		stream := "1"
		if rest, ok := strings.CutPrefix(line, "2:"); ok {
			stream, line = "2", rest
		}
		if err := write("/proc/1/fd/"+stream, line+"\n"); err != nil {
			return err
		}
	}
	return nil
}

func write(path, text string) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = io.WriteString(to, text)
	_ = to.Close()
	return err
}

// crash says a line, and ends.
func crash(line string) error {
	fmt.Fprintln(os.Stderr, line)
	os.Exit(3)
	return nil
}

// flood writes so many lines a second, in turn, for as long as it runs. When the log does not take them as fast, it writes fewer.
func flood(rate string, lines []string, out io.Writer) error {
	perSecond, err := strconv.Atoi(rate)
	if err != nil || perSecond <= 0 || len(lines) == 0 {
		return fmt.Errorf("want a number of lines a second, and lines")
	}
	to := bufio.NewWriterSize(out, 64<<10)
	begun, written := time.Now(), 0
	for range time.Tick(max(10*time.Millisecond, time.Second/time.Duration(perSecond))) { // hundreds of these run side by side
		for due := int(time.Since(begun).Seconds() * float64(perSecond)); written < due; written++ {
			if _, err := to.WriteString(lines[written%len(lines)] + "\n"); err != nil {
				return err
			}
		}
		if err := to.Flush(); err != nil {
			return err
		}
	}
	return nil
}
