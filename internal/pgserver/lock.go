package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock is a lock on a file between processes, and between Server values of one process. The kernel gives it
// up when its holder dies, however it dies.
type lock struct{ file *os.File }

// openLock opens or makes the file. Its content is nothing, and anyone who can reach it can read it.
func openLock(path string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening a lock of the database: %w", err)
	}
	return &lock{file}, nil
}

// try takes the lock shared (LOCK_SH) or alone (LOCK_EX) if that can be had now. A shared
// lock that can't be made exclusive may be lost: flock(2) converts by letting go first.
func (l *lock) try(how int) (bool, error) {
	err := syscall.Flock(int(l.file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// take waits for the lock. It asks again and again: a blocking flock can't be given up with ctx.
func (l *lock) take(ctx context.Context, how int) error {
	for {
		ok, err := l.try(how)
		if ok || err != nil {
			return err
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for another program that starts or stops this database: %w", err)
		}
	}
}

func (l *lock) release() { l.file.Close() }

// pause waits, or returns why ctx ended.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
