package pebble

// NoSync makes an engine that acknowledges what it never synced: the control
// that must lose data, or else the power-loss test proves nothing.
func NoSync(o Options) Options {
	o.unsafeNoSync = true
	return o
}

// Flush writes the buffer to a file, as the engine does when it is full.
func (e *Engine) Flush() error { return e.unlessStopped(e.db.Flush) }
