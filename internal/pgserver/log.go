package pgserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxLog is where the log is cut: one older part is kept, so at most twice that is on the disk.
const maxLog = 4 << 20

// logFile is the server's log as seen from one start of it.
type logFile struct {
	file  *os.File
	start int64
}

// openLog opens for appending, so that writers which inherit the descriptor go on at the new end after a cut.
func openLog(path string) (logFile, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return logFile{}, fmt.Errorf("opening the database's log: %w", err)
	}
	start, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return logFile{}, errors.Join(fmt.Errorf("opening the database's log: %w", err), file.Close())
	}
	return logFile{file, start}, nil
}

// added is what was written since openLog, at most 64 KiB of it.
func (l logFile) added() string {
	// What can't be read is left out: this only explains another error.
	text, _ := io.ReadAll(io.NewSectionReader(l.file, l.start, 64<<10))
	return string(text)
}

// boundLog keeps the log's size below a limit. The server has no need to know: a copy is kept and the file is
// emptied. Lines written between the two are lost.
func boundLog(path string, limit int64) error {
	info, err := os.Stat(path)
	if err != nil || info.Size() <= limit {
		return err
	}
	if err := copyFile(path, path+".1"); err != nil {
		return fmt.Errorf("keeping the older part of the database's log: %w", err)
	}
	return os.Truncate(path, 0)
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	return errors.Join(err, dst.Close())
}

// explain puts the line of the output that says why beside an error, and makes a full disk
// recognisable (errors.Is syscall.ENOSPC).
func explain(err error, output string) error {
	if strings.Contains(output, "No space left on device") || strings.Contains(output, "Check free disk space") {
		err = fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	}
	if why := reason(output); why != "" {
		return fmt.Errorf("%w: %s", err, why)
	}
	return err
}

// reason is the first line with a severity that ends a server or initdb, or else the last line.
func reason(output string) string {
	last := ""
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
		for _, severity := range []string{"FATAL:", "PANIC:", "error:"} {
			if _, why, ok := strings.Cut(line, severity); ok {
				return strings.TrimSpace(why)
			}
		}
	}
	return last
}
