package client

import "time"

// TakePatience is how long a client waits for a snapshot.
func TakePatience() time.Duration { return defaultPatience().take }

// HastenTaking lets c wait for a snapshot no longer than d.
func (c *Client) HastenTaking(d time.Duration) { c.patience.take = d }

// Hasten lets c wait for no longer than d for anything.
func (c *Client) Hasten(d time.Duration) { c.patience = patience{d, d, d, d, d} }
