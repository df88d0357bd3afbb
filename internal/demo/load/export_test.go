package load

// Count counts an answer as if it had just come, to a request that had just been sent.
func (p *Prober) Count(status int, err error) { p.count(p.cfg.Clock(), status, err) }
