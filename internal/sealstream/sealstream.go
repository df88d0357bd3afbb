// Package sealstream seals streams of any length with the key ring, in memory that does not grow with them. What comes
// out of a Reader has been authenticated: changed, reordered, cut off or continued streams are refused, and so are
// streams that were sealed about something else.
//
// It is the STREAM construction (Hoang, Reyhanitabar, Rogaway and Vizár, 2015) with AES-256-GCM: chunks of 64 KiB, each
// sealed under a nonce that holds its number and whether it is the last one. Every stream has a key of its own, derived
// from the ring's key, a random salt, and what the stream is about, so nonces can't be used twice.
//
//	"SBSEAL1\n" | 1 byte: length of the key's ID | the key's ID | 32 bytes: salt | chunks, each 16 bytes longer sealed
//
// What it does not do: nothing here hides how long a stream is.
package sealstream

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/snapback/snapback/internal/keyring"
)

const (
	magic    = "SBSEAL1\n"
	saltSize = 32
	chunk    = 64 << 10
	tagSize  = 16
)

// ErrTampered says that a stream is not, or not all of, what was sealed, or is about something else.
var ErrTampered = errors.New("the sealed stream was changed or cut off, or belongs to something else")

// sealer numbers the chunks of one stream.
type sealer struct {
	aead   cipher.AEAD
	header []byte // authenticated with every chunk
	number uint64
}

func newSealer(secret, header []byte) (*sealer, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &sealer{aead: aead, header: header}, err
}

// nonce is the chunk's number and whether it is the last. Numbers never come round: 2^64 chunks are more than there is.
func (s *sealer) nonce(last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[3:], s.number)
	if last {
		nonce[11] = 1
	}
	s.number++
	return nonce
}

// purposeOf binds a stream's key to what it is about. Lengths keep two pairs from meaning the same.
func purposeOf(purpose, about string) string {
	return fmt.Sprintf("%d:%s|%s", len(purpose), purpose, about)
}

// Writer seals what is written to it. Close writes the last chunk; a stream that was not closed can't be read.
type Writer struct {
	to     io.Writer
	seal   *sealer
	buf    []byte // what is not sealed yet: a full chunk waits, since it may be the last
	out    []byte
	failed error
}

// NewWriter writes the header. The same purpose and about must be given to NewReader.
func NewWriter(to io.Writer, ring *keyring.Ring, purpose, about string) (*Writer, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	kid, secret := ring.Derive(purposeOf(purpose, about), salt)
	header := append([]byte(magic), byte(len(kid)))
	header = append(append(header, kid...), salt...)
	s, err := newSealer(secret, header)
	if err != nil {
		return nil, err
	}
	if _, err := to.Write(header); err != nil {
		return nil, fmt.Errorf("writing the header of a sealed stream: %w", err)
	}
	return &Writer{to: to, seal: s, buf: make([]byte, 0, chunk), out: make([]byte, 0, chunk+tagSize)}, nil
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.failed == nil {
		if len(w.buf) == chunk {
			w.failed = w.flush(false)
			continue
		}
		n := min(len(p), chunk-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		p, written = p[n:], written+n
	}
	return written, w.failed
}

var errClosed = errors.New("the sealed stream is closed")

// Close seals the last chunk, and leaves what is written to open.
func (w *Writer) Close() error {
	if w.failed != nil {
		return w.failed
	}
	err := w.flush(true)
	w.failed = errClosed
	return err
}

func (w *Writer) flush(last bool) error {
	w.out = w.seal.aead.Seal(w.out[:0], w.seal.nonce(last), w.buf, w.seal.header)
	w.buf = w.buf[:0]
	_, err := w.to.Write(w.out)
	return err
}

// Reader gives out only what has been authenticated. A stream that was cut off ends with ErrTampered, never with io.EOF.
type Reader struct {
	from   io.Reader
	open   *sealer
	sealed []byte // one chunk, and the first byte of the next
	spare  []byte // takes turns with sealed, whose chunk is opened in place and given out bit by bit
	held   int    // how much of the next chunk has been read
	plain  []byte // authenticated, and not given out yet
	over   error
}

// NewReader reads the header. It returns ErrTampered, or keyring.ErrUnknownKey.
func NewReader(from io.Reader, ring *keyring.Ring, purpose, about string) (*Reader, error) {
	header := make([]byte, len(magic)+1)
	if _, err := io.ReadFull(from, header); err != nil || string(header[:len(magic)]) != magic {
		return nil, whyShort(err)
	}
	rest := make([]byte, int(header[len(magic)])+saltSize)
	if _, err := io.ReadFull(from, rest); err != nil {
		return nil, whyShort(err)
	}
	kid, salt := string(rest[:len(rest)-saltSize]), rest[len(rest)-saltSize:]
	secret, err := ring.DeriveWith(kid, purposeOf(purpose, about), salt)
	if err != nil {
		return nil, err
	}
	s, err := newSealer(secret, append(header, rest...))
	return &Reader{from: from, open: s, sealed: make([]byte, chunk+tagSize+1), spare: make([]byte, chunk+tagSize+1)}, err
}

// whyShort tells a stream that ends too soon from a disk that can't be read.
func whyShort(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrTampered
	}
	return fmt.Errorf("reading a sealed stream: %w", err)
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.plain) == 0 {
		if r.over != nil {
			return 0, r.over
		}
		r.next()
	}
	n := copy(p, r.plain)
	r.plain = r.plain[n:]
	return n, nil
}

// next opens one chunk. Whether it is the last shows when nothing follows it; that the writer meant so, in its nonce.
func (r *Reader) next() {
	n, err := io.ReadFull(r.from, r.sealed[r.held:])
	n += r.held
	last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if err != nil && !last {
		r.over = fmt.Errorf("reading a sealed stream: %w", err)
		return
	}
	size := min(n, chunk+tagSize)
	next := r.sealed[size:n]
	plain, err := r.open.aead.Open(r.sealed[:0:size], r.open.nonce(last), r.sealed[:size], r.open.header)
	if err != nil {
		r.over = ErrTampered
		return
	}
	r.plain = plain
	if last {
		r.over = io.EOF
		return
	}
	r.held = copy(r.spare, next)
	r.sealed, r.spare = r.spare, r.sealed
}
