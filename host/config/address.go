package config

import (
	"errors"

	"github.com/sluice-gateway/sluice/host/address"
)

// address reads and checks an address, of a listener or of the engine. It
// returns "" after a problem.
func (l *loader) address(v *value, path string, listener bool) string {
	text, ok := l.text(v, path)
	if !ok {
		return ""
	}
	a, err := address.Parse(text)
	if err == nil && !listener {
		err = a.CheckTarget()
	}
	if err != nil {
		var wrong *address.Error
		errors.As(err, &wrong) // it is nothing else
		l.fail(v.pos, path+": "+wrong.Message, wrong.Hint)
		return ""
	}
	return a.String()
}

// place is an address that was checked already. "" is none.
func place(checked string) address.Address {
	a, err := address.Parse(checked)
	if err != nil {
		return address.Address{}
	}
	return a
}

// samePlace reports whether connecting to target would reach the listener.
func samePlace(listener, target string) bool { return place(listener).Answers(place(target)) }
