package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/snapback/snapback/incidents"
)

// ErrCut says that an answer is not whole, or can't be known to be.
var ErrCut = errors.New("the answer is not whole")

// Export copies a post-mortem to w. It returns an error that wraps ErrCut unless all of it came, and what came is what
// was sent: then w holds something that is of no use.
func (c *Client) Export(ctx context.Context, ref, format string, w io.Writer) error {
	resp, err := c.send(ctx, call{
		method: http.MethodGet, path: []string{"incidents", ref, "export"}, query: url.Values{"format": {format}}, wait: c.patience.export,
		header: map[string]string{"Accept-Encoding": "identity"}, // the digest is of what is sent
	})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	whole := &checked{w: w, sum: sha256.New()}
	if _, err := io.Copy(whole, resp.Body); err != nil {
		return fmt.Errorf("reading the export: %w", whole.broken(resp, err))
	}
	if err := whole.check(resp); err != nil {
		return fmt.Errorf("reading the export: %w", err)
	}
	return nil
}

// Proof asks what the bot can say about a timeline that its hashes alone can't: see incidents.Prove. Incident 0 is what
// happened outside any.
func (c *Client) Proof(ctx context.Context, incident int64) (p incidents.Proof, err error) {
	path := []string{"timeline", "proof"}
	if incident > 0 {
		path = []string{"incidents", strconv.FormatInt(incident, 10), "proof"}
	}
	err = c.do(ctx, call{method: http.MethodGet, path: path, out: &p, wait: c.patience.export})
	return p, err
}

// checked notes what passes.
type checked struct {
	w    io.Writer
	n    int64
	sum  hash.Hash
	full error // of w
}

func (c *checked) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	c.sum.Write(p[:n])
	c.full = err
	return n, err
}

// broken tells an error of the connection from one of the place that is written to.
func (c *checked) broken(resp *http.Response, err error) error {
	if c.full != nil {
		return c.full
	}
	if resp.ContentLength < 0 {
		return fmt.Errorf("%w: it ended after %d bytes: %w", ErrCut, c.n, err)
	}
	return fmt.Errorf("%w: it ended after %d of %d bytes: %w", ErrCut, c.n, resp.ContentLength, err)
}

// check holds what came against what the bot has announced. That may be lost on the way: a proxy that leaves out the
// length and the digest leaves nothing by which a cut can be told.
func (c *checked) check(resp *http.Response) error {
	digest, known := digestOf(resp.Header.Values("Repr-Digest"))
	switch {
	case resp.ContentLength >= 0 && c.n != resp.ContentLength:
		return fmt.Errorf("%w: %d of %d bytes came", ErrCut, c.n, resp.ContentLength)
	case known && !bytes.Equal(digest, c.sum.Sum(nil)):
		return fmt.Errorf("%w: %d bytes came, and their digest is not the one that was announced", ErrCut, c.n)
	case !known && resp.ContentLength < 0:
		return fmt.Errorf("%w: it came without Repr-Digest and Content-Length, so that nobody can tell; a proxy before the bot must pass them on", ErrCut)
	}
	return nil
}

// digestOf finds the SHA-256 among the values of Repr-Digest (RFC 9530).
func digestOf(values []string) (sum []byte, known bool) {
	for member := range strings.SplitSeq(strings.Join(values, ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(member), "=")
		if sum, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":")); name == "sha-256" && err == nil {
			return sum, true
		}
	}
	return nil, false
}
