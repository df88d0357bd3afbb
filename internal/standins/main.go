// Command standins runs Slack's and PagerDuty's stand-ins, and passes the engine's socket on, until it is ended: for programs that are
// tried apart from Go's tests (scripts/release-test).
//
//	standins SOCKET
//
// It prints their addresses as settings, a line each, as soon as they answer.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/snapback/snapback/internal/pagerdutyfake"
	"github.com/snapback/snapback/internal/slackfake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "standins:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) != 1 {
		return errors.New("usage: standins SOCKET")
	}
	slack, err := slackfake.Listen("127.0.0.1:0", slackfake.Config{BotToken: "xoxb-stand-in", SigningSecret: "0123456789abcdef0123456789abcdef"})
	if err != nil {
		return err
	}
	defer slack.Close()
	slack.AddChannel("C0ALERTS", "alerts")
	bot := pagerdutyfake.User{ID: "PBOT001", Name: "Bot", Email: "bot@example.com"}
	pd, err := pagerdutyfake.Listen("127.0.0.1:0", pagerdutyfake.Config{APIToken: "stand-in", Users: []pagerdutyfake.User{bot}})
	if err != nil {
		return err
	}
	defer pd.Close()
	engine, err := net.ListenUnix("unix", &net.UnixAddr{Name: args[0], Net: "unix"})
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { _ = engine.Close() })
	fmt.Fprintf(out, "SLACK_API_URL: %s\nPAGERDUTY_API_URL: %s\nPAGERDUTY_EVENTS_URL: %[2]s\n", slack.APIURL(), pd.URL())
	for {
		conn, err := engine.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go passOn(conn) // ends with the connection, or with the program
	}
}

// passOn carries a connection to this machine's engine. Either side can end its half alone, as the engine's streams do.
func passOn(from *net.UnixConn) {
	defer from.Close()
	to, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: "/var/run/docker.sock", Net: "unix"})
	if err != nil {
		fmt.Fprintln(os.Stderr, "standins:", err)
		return
	}
	defer to.Close()
	there := make(chan struct{})
	go func() {
		defer close(there)
		_, _ = io.Copy(to, from)
		_ = to.CloseWrite()
	}()
	_, _ = io.Copy(from, to)
	_ = from.Close() // which ends the other half
	<-there
}
