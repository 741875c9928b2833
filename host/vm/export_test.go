package vm

// What tests look at to see that nothing leaks.

// Codes is the number of compiled modules that are kept.
func (e *Engine) Codes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.codes)
}

// Instances is the number of instances that are watched.
func (e *Engine) Instances() int {
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	return len(e.watch.instances)
}

// Parked tells whether the watchdog has stopped its ticks.
func (e *Engine) Parked() bool { return e.watch.parked.Load() }

// Scan is scan, for fuzzing: the code to compile and the start export.
func Scan(code []byte) (rewritten []byte, start string, err error) {
	o, err := scan(code)
	if err != nil {
		return nil, "", err
	}
	return o.code, o.start, nil
}

// Look is what the watchdog does at a tick.
func (e *Engine) Look() { e.watch.look(e.watch.tick.Load()) }
