package vm

// What tests look at to see that nothing leaks.

// Codes is the number of compiled modules that are kept.
func (e *Engine) Codes() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.codes)
}

// Users is the number of modules and instances that are not closed.
func (e *Engine) Users() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, c := range e.codes {
		n += c.refs
	}
	return n
}

// Scan is scan, for fuzzing: the code to compile and the start export.
func Scan(code []byte) (rewritten []byte, start string, err error) {
	o, err := scan(code)
	if err != nil {
		return nil, "", err
	}
	return o.code, o.start, nil
}
