package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/snapback/snapback/internal/testkit"
)

// readmeBlock is the code block of README.md that holds a text, without its indentation.
func readmeBlock(t *testing.T, with string) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	testkit.OK(t, err)
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 1 && strings.Contains(part, with) {
			_, block, _ := strings.Cut(part, "\n")
			return strings.ReplaceAll(block, "\n   ", "\n")
		}
	}
	t.Fatalf("README.md has no block with %q", with)
	return ""
}

// TestTheReadmesFirstRestoreIsOne runs the block, with a deploy where the reader's own stands.
func TestTheReadmesFirstRestoreIsOne(t *testing.T) {
	n := newNight(t)
	n.env["SNAPBACK_BASELINE_AFTER"] = "1h"
	n.start()
	shop, labels := n.Name("shop"), []string{"--label", "snapback.service=api", "--label", "snapback.slack.channel=C0ALERTS"}
	n.Run(shop, append(labels, "--env", "DB_POOL=20", n.version(1))...)
	n.awaitKnown(1)
	before, after, ok := strings.Cut(strings.ReplaceAll(readmeBlock(t, "snapshot restore api"), "http://localhost:8080", n.bot.url), "docker compose up -d api     # or however you deploy\n")
	if !ok {
		t.Fatal("the block has no deploy in it")
	}
	dir := t.TempDir()
	n.types(dir, before+"export -p >env\n")
	n.deploy(shop, append(labels, "--env", "DB_POOL=2", n.version(2)), 1)
	if said := n.types(dir, ". ./env\n"+after); !strings.Contains(said, "is back on first") {
		t.Errorf("it says:\n%s", said)
	}
	if env := n.Docker("inspect", "--format", "{{.Config.Env}}", shop); !strings.Contains(env, "DB_POOL=20") {
		t.Errorf("env is %s", env)
	}
}

// types runs what somebody types on the bot's machine. The bot's account is whoever runs the tests.
func (n *night) types(dir, script string) string {
	n.t.Helper()
	binary, err := program()
	testkit.OK(n.t, err)
	bin := filepath.Join(dir, "bin")
	testkit.OK(n.t, os.MkdirAll(bin, 0o755))
	for name, does := range map[string]string{"snapback": "exec " + binary + ` "$@"`, "sudo": `shift 2; exec "$@"`} { // sudo -u snapback …
		testkit.OK(n.t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+does+"\n"), 0o755))
	}
	cmd := exec.CommandContext(n.t.Context(), "bash", "-euc", script)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	for name, value := range n.env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return command(n.t, cmd)
}
