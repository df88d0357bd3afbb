package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ills are programs that go wrong: eat (memory until none is left), spin (CPU, for ever), hang [TIME] (says nothing, and ends
// after that time, or never),
// and fail CODE TEXT… (says TEXT on standard error and ends).
func ill(args []string, out io.Writer) (known bool, err error) {
	switch args[0] {
	case "eat":
		fmt.Fprintln(out, "eating")
		for all := [][]byte{}; ; {
			bite := make([]byte, 1<<20)
			for i := range bite {
				bite[i] = 1
			}
			all = append(all, bite)
		}
	case "spin":
		fmt.Fprintln(out, "spinning")
		for n := 0; ; n++ {
			runtime.KeepAlive(n)
		}
	case "hang":
		if len(args) > 1 {
			limit, err := time.ParseDuration(args[1])
			time.Sleep(limit)
			return true, err
		}
		for {
			time.Sleep(time.Hour)
		}
	case "fail":
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return true, err
		}
		fmt.Fprintln(out, "begun")
		fmt.Fprintln(os.Stderr, strings.Join(args[2:], " "))
		os.Exit(code)
	}
	return false, nil
}
