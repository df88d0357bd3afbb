// Command app is what runs in test containers. Without arguments it serves HTTP on :80 until it is told to end.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/snapback/snapback/internal/volumetar"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run knows exit CODE AFTER, touch FILE…, check (for health checks: succeeds unless /unhealthy exists), serve, relay SOCKET ADDR, the
// volume helper, and what goes wrong (ill.go).
func run(args []string, out io.Writer) error {
	if len(args) == 0 {
		args = []string{"serve"}
	}
	if known, err := ill(args, out); known || err != nil {
		return err
	}
	switch args[0] {
	case "touch":
		for _, path := range args[1:] {
			if err := os.WriteFile(path, []byte("written\n"), 0o644); err != nil {
				return err
			}
		}
		return nil
	case "check":
		if _, err := os.Stat("/unhealthy"); err == nil {
			return fmt.Errorf("unhealthy")
		}
		return nil
	case "exit":
		return exit(args[1], args[2])
	case "relay":
		return relay(args[1], args[2])
	case volumetar.Command:
		return volumetar.Helper{Sync: slowSync()}.Run(args[1:], os.Stdin, out, os.Stderr)
	case "say":
		return say(args[1:])
	case "crash":
		return crash(args[1])
	case "flood":
		return flood(args[1], args[2:], out)
	case "serve":
		return serve(args[1:], out)
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// exit ends after a time, such as 500ms.
func exit(code, after string) error {
	n, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	wait, err := time.ParseDuration(after)
	if err != nil {
		return err
	}
	time.Sleep(wait)
	os.Exit(n)
	return nil
}

// relay passes connections on to a Unix socket, as a proxy of an engine's does.
func relay(socket, addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		from, err := listener.Accept()
		if err != nil {
			return err
		}
		to, err := net.Dial("unix", socket)
		if err != nil {
			return err
		}
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from) // whoever hangs up first ends both
			_ = to.Close()
			_ = from.Close()
		}
		go pass(to, from)
		go pass(from, to)
	}
}

// syncDelay is set by the linker for a helper on a disk that is slow to write down what it was given, such as "20s".
var syncDelay string

// slowSync is nil, unless there is a delay.
func slowSync() func(*os.File) error {
	delay, err := time.ParseDuration(syncDelay)
	if err != nil {
		return nil
	}
	return func(folder *os.File) error {
		time.Sleep(delay)
		return folder.Sync()
	}
}

// serve answers every request with its environment, and ends at once on SIGTERM, SIGINT and SIGUSR1.
func serve(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	addr := flags.String("addr", ":80", "where to listen; empty: nowhere")
	deaf := flags.Bool("deaf", false, "ignore SIGTERM")
	if err := flags.Parse(args); err != nil {
		return err
	}
	signals := []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR1}
	if *deaf {
		signal.Ignore(signals...)
		signals = []os.Signal{syscall.SIGUSR2}
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, signals...)
	fmt.Fprintln(out, "up", strings.Join(os.Environ(), " "))
	failed := make(chan error, 1)
	if *addr != "" {
		go func() { failed <- http.ListenAndServe(*addr, http.HandlerFunc(environment)) }()
	}
	select {
	case <-end:
		return nil
	case err := <-failed:
		return err
	}
}

func environment(w http.ResponseWriter, _ *http.Request) {
	for _, pair := range os.Environ() {
		fmt.Fprintln(w, pair)
	}
}
