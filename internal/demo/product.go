package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const answerLimit = 8 << 20 // bytes of an answer that are read

// baseline is the snapshot that Snapback has taken of the shop by itself; "" while there is none.
func (n *night) baseline(ctx context.Context) (string, error) {
	doc, err := n.call(ctx, http.MethodGet, "/containers/"+n.shop.Name+"/snapshots", "", http.StatusOK)
	if err != nil {
		return "", err
	}
	var list struct {
		Snapshots []struct{ Name, Reason string }
	}
	if err := json.Unmarshal(doc, &list); err != nil {
		return "", fmt.Errorf("reading the snapshots: %w", err)
	}
	for _, s := range list.Snapshots {
		if s.Reason == "baseline" {
			return s.Name, nil
		}
	}
	return "", nil
}

// restored asks when the incident's container was restored.
func (n *night) restored(ctx context.Context) (time.Time, error) {
	doc, err := n.call(ctx, http.MethodGet, "/incidents/"+n.incident.ID(), "", http.StatusOK)
	if err != nil {
		return time.Time{}, err
	}
	var in struct {
		RestoredAt time.Time `json:"restored_at"`
	}
	if err := json.Unmarshal(doc, &in); err != nil {
		return time.Time{}, fmt.Errorf("reading the incident: %w", err)
	}
	return in.RestoredAt, nil
}

// printTimeline prints the post-mortem's timeline.
func (n *night) printTimeline(ctx context.Context) error {
	doc, err := n.call(ctx, http.MethodGet, "/incidents/"+n.incident.ID()+"/export?format=md", "", http.StatusOK)
	if err != nil {
		return err
	}
	if !strings.Contains(string(doc), alertTitle) {
		return fmt.Errorf("the exported timeline does not name the incident: %.300s", doc)
	}
	n.print("\n" + strings.TrimSpace(string(doc)) + "\n")
	return nil
}

// call speaks to the product's HTTP API.
func (n *night) call(ctx context.Context, method, path, body string, want int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.product+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("asking Snapback: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+n.secrets.api)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking Snapback: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	doc, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return nil, fmt.Errorf("reading Snapback's answer: %w", err)
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %.500s", method, path, resp.Status, doc)
	}
	return doc, nil
}
