package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/snapback/snapback/internal/keyring"
)

// folder is the data folder, held by this bot alone: it has the bot's name, under which it takes up what it was doing
// when it died, and that must not be done by two.
type folder struct {
	bot  string
	lock *os.File
}

// botNameFile is the file in the data folder with the bot's name.
const botNameFile = "bot-name"

func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return nil, fmt.Errorf("another snapback uses %s: stop it, or name another folder", dir)
	}
	name, err := botName(filepath.Join(dir, botNameFile))
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &folder{name, lock}, nil
}

// Close lets another bot use the folder.
func (f *folder) Close() { f.lock.Close() }

func botName(path string) (string, error) {
	text, err := os.ReadFile(path)
	if name := strings.TrimSpace(string(text)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	host, _ := os.Hostname() // for people only: the random part makes it unique
	name := host + "-" + strings.ToLower(rand.Text()[:8])
	return name, os.WriteFile(path, []byte(name+"\n"), 0o600)
}

// rotateKeys reads the key ring again whenever its file changes, so that keys are rotated without a restart. It returns
// what ends that.
func rotateKeys(ring *keyring.Ring, path string, log *slog.Logger) func(context.Context) error {
	if path == "" {
		return func(context.Context) error { return nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	used, _ := os.ReadFile(path)
	file := &keyFile{ring: ring, path: path, log: log, used: string(used)}
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				file.look()
			}
		}
	}()
	return func(context.Context) error { cancel(); <-done; return nil }
}

// keyFile is where the keys of a ring come from.
type keyFile struct {
	ring *keyring.Ring
	path string
	log  *slog.Logger
	used string // its text when it was last taken over
	said string // what was wrong with it, which is said once
}

func (f *keyFile) look() {
	text, err := os.ReadFile(f.path)
	if err != nil || string(text) == f.used {
		return
	}
	if err = keyring.Private(f.path); err == nil {
		err = f.ring.Replace(strings.TrimSpace(string(text)))
	}
	if err == nil {
		f.used, f.said = string(text), ""
		f.log.Info("keys rotated")
	} else if f.said != err.Error() {
		f.said = err.Error()
		f.log.Error("the key file is not used", "err", err)
	}
}
