package enginefault

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// Lag has the engine's list of containers say from now on that those which have ended still run. Engines do so for a moment
// after a stop has been answered, and for longer on a busy machine; an inspect tells the truth all the time.
func (p *Proxy) Lag() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lags = true
}

// outdate changes the answer to a call that lists containers, if the list is to lag.
func (p *Proxy) outdate(resp *http.Response) error {
	p.mu.Lock()
	lags := p.lags
	p.mu.Unlock()
	if !lags || resp.StatusCode != http.StatusOK || !listed.MatchString(resp.Request.URL.Path) {
		return nil
	}
	var rows []map[string]any
	numbers := json.NewDecoder(resp.Body)
	numbers.UseNumber()
	if err := numbers.Decode(&rows); err != nil {
		return err
	}
	for _, row := range rows {
		if row["State"] == "exited" {
			row["State"], row["Status"] = "running", "Up 1 second"
		}
	}
	doc, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(doc)), int64(len(doc))
	resp.Header.Set("Content-Length", strconv.Itoa(len(doc)))
	resp.TransferEncoding = nil
	return nil
}
