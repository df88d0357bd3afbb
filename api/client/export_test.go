package client

import "time"

// Hasten lets c wait for no longer than d for anything.
func (c *Client) Hasten(d time.Duration) { c.patience = patience{d, d, d, d} }
