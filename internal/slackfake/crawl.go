package slackfake

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// crawlerAgent is what Slack's link crawler calls itself.
const crawlerAgent = "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"

var linkPattern = regexp.MustCompile(`https?://[^\s<>|"]+`)

// Crawl is one visit of the link crawler.
type Crawl struct {
	URL    string `json:"url"`
	Status int    `json:"status"` // 0: no answer
}

// CrawlLinks visits the links of all messages that may be unfurled and were not
// visited before. Ephemeral messages and button URLs aren't crawled by Slack.
func (s *Server) CrawlLinks(ctx context.Context) []Crawl {
	s.mu.Lock()
	links := s.freshLinks()
	s.mu.Unlock()
	return s.visit(ctx, links)
}

// autoCrawl starts a visit in the background where the config asks for it. The caller holds mu.
func (s *Server) autoCrawl() {
	if !s.cfg.Crawl || s.closed {
		return
	}
	if links := s.freshLinks(); len(links) > 0 {
		s.wg.Go(func() { s.visit(s.ctx, links) })
	}
}

// freshLinks marks what it returns as visited. The caller holds mu.
func (s *Server) freshLinks() []string {
	var links []string
	for _, ch := range s.channels {
		for _, m := range ch.messages {
			if !m.crawled && !m.deleted && (m.unfurlLinks || m.unfurlMedia) {
				m.crawled = true
				links = append(links, m.links()...)
			}
		}
	}
	return links
}

// links are the http links in the text that people read.
func (m *message) links() []string {
	var b strings.Builder
	b.WriteString(m.text + "\n")
	var blocks any
	_ = json.Unmarshal(m.blocks, &blocks)
	collectText(&b, blocks)
	found := linkPattern.FindAllString(b.String(), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// collectText gathers the strings under "text" keys at any depth.
func collectText(b *strings.Builder, v any) {
	switch t := v.(type) {
	case []any:
		for _, child := range t {
			collectText(b, child)
		}
	case object:
		for key, child := range t {
			if s, ok := child.(string); ok && key == "text" {
				b.WriteString(s + "\n")
			}
			collectText(b, child)
		}
	}
}

func (s *Server) visit(ctx context.Context, links []string) []Crawl {
	var out []Crawl
	for _, link := range links {
		out = append(out, Crawl{URL: link, Status: s.fetch(ctx, link)})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touch()
	return out
}

func (s *Server) fetch(ctx context.Context, link string) int {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return 0
	}
	req.Header.Set("User-Agent", crawlerAgent)
	req.Header.Set("Range", "bytes=0-32768")
	resp, err := s.client.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}
