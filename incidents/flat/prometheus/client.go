package prometheus

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/snapback/snapback/internal/mask"
)

// ErrNoNumber says that a query yields something that is no number: text, or a value such as 0/0.
var ErrNoNumber = errors.New("the query yields no number")

// answerIn is how long an answer may take.
const answerIn = 15 * time.Second

// Client asks one server.
type Client struct {
	api     v1.API
	secrets []string // that no error may quote
}

// NewClient is for the server at address, which may have a user and a password in it. Token, when there is one, goes with every request.
func NewClient(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the server's address can't be read") // the error would quote it
	}
	auth := credentials{host: u.Host, token: token, user: u.User, next: http.DefaultTransport}
	c := &Client{secrets: auth.secrets()}
	u.User = nil
	inner, err := api.NewClient(api.Config{Address: u.String(), Client: &http.Client{
		Transport:     auth,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}})
	if err != nil {
		return nil, c.quiet(err)
	}
	c.api = v1.NewAPI(inner)
	return c, nil
}

// answerUpTo is how many bytes an answer may have. One of 90 minutes has some 3 KiB for each series.
const answerUpTo = 4 << 20

var errTooLong = fmt.Errorf("the answer is longer than %d MiB: let the query add its series up", answerUpTo>>20)

// limitedBody is an answer that can't be read beyond a limit: the client holds all of it in memory.
type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	if len(p) > b.left+1 { // one more tells a longer answer from one that ends here
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return n - 1, errTooLong
	}
	return n, err
}

// credentials go to the server that they are for, and to no other.
type credentials struct {
	host, token string
	user        *url.Userinfo
	next        http.RoundTripper
}

func (c credentials) secrets() (list []string) {
	if password, ok := c.user.Password(); ok {
		both := base64.StdEncoding.EncodeToString([]byte(c.user.Username() + ":" + password))
		list = append(list, password, url.QueryEscape(password), url.PathEscape(password), both)
	}
	return slices.DeleteFunc(append(list, c.token), func(s string) bool { return s == "" })
}

func (c credentials) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != c.host {
		return nil, errors.New("the server sends requests elsewhere")
	}
	req = req.Clone(req.Context())
	switch password, _ := c.user.Password(); {
	case c.token != "":
		req.Header.Set("Authorization", "Bearer "+c.token)
	case c.user.String() != "":
		req.SetBasicAuth(c.user.Username(), password)
	}
	resp, err := c.next.RoundTrip(req)
	if err == nil {
		resp.Body = &limitedBody{resp.Body, answerUpTo}
	}
	return resp, err
}

// quietError hides the secrets that an answer may quote.
type quietError struct {
	error
	secrets []string
}

func (e quietError) Error() string { return mask.Text(e.error.Error(), e.secrets) }
func (e quietError) Unwrap() error { return e.error }

func (c *Client) quiet(err error) error {
	if err == nil {
		return nil
	}
	return quietError{err, c.secrets}
}

// Now is what the query yields now, all series added up; 0 when it yields none. It returns ErrNoNumber.
func (c *Client) Now(ctx context.Context, query string) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	value, _, _, err := c.api.Query(ctx, query, time.Time{}) // by the server's clock
	if err != nil {
		return 0, fmt.Errorf("asking Prometheus: %w", c.quiet(err))
	}
	sum := 0.0
	switch v := value.(type) {
	case *model.Scalar:
		sum = float64(v.Value)
	case model.Vector:
		for _, s := range v {
			sum += float64(s.Value)
		}
	default:
		return 0, fmt.Errorf("%w but a %s", ErrNoNumber, value.Type())
	}
	return number(sum)
}

// number refuses what is none. No rate is below zero.
func number(sum float64) (float64, error) {
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return 0, fmt.Errorf("%w but %v", ErrNoNumber, sum)
	}
	return max(sum, 0), nil
}

// Range is what the query has yielded every step, from and to included, by Unix time in milliseconds.
// A moment at which it yielded no series is not
// in it; one at which it yielded no number is NaN.
func (c *Client) Range(ctx context.Context, query string, from, to time.Time, step time.Duration) (map[int64]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	value, _, _, err := c.api.QueryRange(ctx, query, v1.Range{Start: from, End: to, Step: step})
	if err != nil {
		return nil, fmt.Errorf("asking Prometheus: %w", c.quiet(err))
	}
	series, ok := value.(model.Matrix)
	if !ok {
		return nil, fmt.Errorf("%w but a %s", ErrNoNumber, value.Type())
	}
	sums := map[int64]float64{}
	for _, s := range series {
		for _, p := range s.Values {
			sums[int64(p.Timestamp)] += float64(p.Value)
		}
	}
	for at, sum := range sums {
		if sums[at], err = number(sum); err != nil {
			sums[at] = math.NaN()
		}
	}
	return sums, nil
}
