package download

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"syscall"
	"time"
)

const (
	sendPiece    = 64 << 10         // bytes
	sendPatience = 30 * time.Second // that a client may take for a piece
	roomChecked  = 16 << 20         // bytes that are written between two looks at the disk
	roomLeft     = 256 << 20        // bytes that a spool leaves free there
)

// spool keeps an answer until it is whole, so that its length and its digest can be sent before it, and so that neither
// the database nor memory waits for a slow client. It is a file without a name, which goes with the program, and it is
// encrypted under a key that is nowhere but here: an answer may hold what is stored sealed.
type spool struct {
	file *os.File
	key  [32]byte
	out  *bufio.Writer // to the file, encrypted
	sum  hash.Hash
	size int64
	next int64 // the size at which the disk is looked at again
}

// newSpool makes one in dir; "" is the system's place for temporary files.
func newSpool(dir string) (*spool, error) {
	file, err := os.CreateTemp(dir, ".spool-*")
	if err != nil {
		return nil, fmt.Errorf("spooling: %w", err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("spooling: %w", err), file.Close())
	}
	s := &spool{file: file, sum: sha256.New()}
	_, _ = rand.Read(s.key[:]) // never fails
	s.out = bufio.NewWriterSize(cipher.StreamWriter{S: s.stream(), W: file}, sendPiece)
	return s, nil
}

// stream is the key's stream from its beginning. The key encrypts one file once, so that the counter may begin at zero.
func (s *spool) stream() cipher.Stream {
	block, err := aes.NewCipher(s.key[:])
	if err != nil {
		panic(err) // only for keys of another length
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize))
}

// Write returns an error that wraps ErrNoRoom before the disk is full.
func (s *spool) Write(p []byte) (int, error) {
	if s.size >= s.next {
		if err := s.checkRoom(); err != nil {
			return 0, err
		}
		s.next = s.size + roomChecked
	}
	n, err := s.out.Write(p)
	s.sum.Write(p[:n])
	s.size += int64(n)
	if errors.Is(err, syscall.ENOSPC) {
		err = fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return n, err
}

func (s *spool) checkRoom() error {
	var disk syscall.Statfs_t
	if err := syscall.Fstatfs(int(s.file.Fd()), &disk); err != nil {
		return fmt.Errorf("looking at the disk: %w", err)
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < roomLeft+roomChecked {
		return fmt.Errorf("%w: %d MiB are left", ErrNoRoom, free>>20)
	}
	return nil
}

// send answers with what was written, and with its length and digest (RFC 9530), by which whoever receives it can tell
// that it is whole. There is no limit on how long that takes, as long as it moves.
func (s *spool) send(w http.ResponseWriter, r *http.Request) error {
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("spooling: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("spooling: %w", err)
	}
	w.Header().Set("Content-Length", fmt.Sprint(s.size))
	w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(s.sum.Sum(nil))+":")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	return s.copy(w)
}

func (s *spool) copy(w http.ResponseWriter) error {
	in, piece := cipher.StreamReader{S: s.stream(), R: s.file}, make([]byte, sendPiece)
	for {
		n, err := io.ReadFull(in, piece)
		if n > 0 {
			limitWrite(w, sendPatience)
			if _, err := w.Write(piece[:n]); err != nil {
				return fmt.Errorf("%w: %w", ErrCut, err)
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return fmt.Errorf("%w: reading the spool: %w", ErrCut, err)
		}
	}
}

func (s *spool) close() { _ = s.file.Close() } // nothing of it is wanted any more
