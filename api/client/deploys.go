package client

import (
	"context"
	"net/http"

	"github.com/snapback/snapback/api/wire"
)

// Holds lists the deploys of a container that are on hold. The *Error's code is not_held when there are none.
func (c *Client) Holds(ctx context.Context, container string) (held wire.Holds, err error) {
	err = c.do(ctx, call{method: http.MethodGet, path: []string{"containers", container, "hold"}, out: &held})
	return held, err
}

// ReleaseHold ends the holds on a container's deploys. The *Error's code is not_held when there are none.
func (c *Client) ReleaseHold(ctx context.Context, container string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"containers", container, "hold"}})
}

// DeploysAsk says which deploys are meant.
type DeploysAsk struct {
	Container string // "": all containers'
	Since     string // a time in RFC 3339, or how long ago, such as 90m or 7d; "": all
	Most      int    // how many, of the newest; 0: all
}

// Deploys lists deploys, the newest first.
func (c *Client) Deploys(ctx context.Context, ask DeploysAsk) ([]wire.Deploy, error) {
	left := ask.Most
	list, err := pages(func(cursor string) ([]wire.Deploy, string, error) {
		query := cursorQuery(cursor)
		for name, value := range map[string]string{"container": ask.Container, "since": ask.Since} {
			if value != "" {
				query.Set(name, value)
			}
		}
		var page wire.Deploys
		err := c.do(ctx, call{method: http.MethodGet, path: []string{"deploys"}, query: query, out: &page})
		if left -= len(page.Deploys); ask.Most > 0 && left <= 0 {
			page.NextCursor = ""
		}
		return page.Deploys, page.NextCursor, err
	})
	if ask.Most > 0 && len(list) > ask.Most {
		list = list[:ask.Most]
	}
	return list, err
}
