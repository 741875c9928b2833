package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluice-gateway/sluice/abi"
)

var crlfcrlf = []byte("\r\n\r\n")

// readHead reads up to and including the empty line and returns what is before it as one string, each line with its CRLF. With
// nothing but EOF it returns io.EOF.
func (c *Conn) readHead() (string, error) {
	timed := false
	var until time.Time
	small := 0
	defer func() {
		if timed {
			c.setReadDeadline(time.Time{})
			c.begun.Store(false)
		}
	}()
	for seen := 0; ; {
		b := c.rbuf[c.r:c.w]
		if seen == 0 && len(b) > 0 && class[b[0]]&isToken == 0 {
			// Not HTTP at all: a TLS hello, a stray line end. No use in waiting for the rest.
			return "", malformedf("unexpected first byte %q", b[0])
		}
		if i := bytes.Index(b[max(seen-3, 0):], crlfcrlf); i >= 0 {
			i += max(seen-3, 0)
			if i+4 > c.opts.MaxHead {
				return "", headTooLarge(c.opts.MaxHead)
			}
			c.r += i + 4
			return string(b[:i+2]), nil
		}
		if len(b) >= c.opts.MaxHead {
			return "", headTooLarge(c.opts.MaxHead)
		}
		if bareLineFeed(b, max(seen-1, 0)) {
			// Waiting for the CRLFs that will never come would only hide the reason.
			return "", malformedf("line does not end with CRLF")
		}
		seen = len(b)
		if seen > 0 && !timed && c.opts.HeadTimeout > 0 {
			until = time.Now().Add(c.opts.HeadTimeout)
			c.beginHead(until)
			timed = true
		}
		// Who sends a byte at a time would have us get up for each.
		if seen > 0 && c.last < smallPiece {
			if small++; small > smallPieces {
				time.Sleep(pieceTime << min((small-smallPieces)/smallPieces, 5))
			}
		}
		if err := c.fill(); err != nil {
			interrupted, goOn := c.wasInterrupted(err, seen > 0, until)
			switch {
			case goOn:
				continue
			case interrupted:
				return "", ErrInterrupted
			case seen == 0:
				return "", err
			case err == io.EOF:
				return "", io.ErrUnexpectedEOF
			case timed && !c.aborted.Load() && errors.Is(err, os.ErrDeadlineExceeded):
				return "", &Error{Status: 408, Message: "head was not complete within " + c.opts.HeadTimeout.String()}
			}
			return "", err
		}
	}
}

// After so many pieces of a head that are so small, the next one is given a moment to grow, and after as many more twice that, up to 32 ms.
const (
	smallPieces = 8
	smallPiece  = 64
	pieceTime   = time.Millisecond
)

func headTooLarge(limit int) *Error {
	return &Error{Status: 431, Message: "head is larger than " + itoa(int64(limit)) + " bytes"}
}

// bareLineFeed reports whether b has, from start on, a line feed without a carriage return before it.
func bareLineFeed(b []byte, start int) bool {
	for i := start; i < len(b); i++ {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			return false
		}
		if i += j; i == 0 || b[i-1] != '\r' {
			return true
		}
	}
	return false
}

// maxNamed is how many fields Connection may name. Honest clients name none, or one or two of those that this package owns; each name is
// compared with every field.
const maxNamed = 32

// framing is what the fields owned by this package say.
type framing struct {
	host      string
	hosts     int
	length    int64
	lengths   int
	encodings int
	chunked   bool   // the one Transfer-Encoding is "chunked"
	encoding  string // as it was sent
	close     bool
	keep      bool
	upgrade   string
	expect    string
	expects   int
	named     []string // the fields that Connection names
}

// readFields parses the lines after the first one and appends the ordinary fields to dst.
func (c *Conn) readFields(lines string, request bool, dst []abi.Pair) ([]abi.Pair, framing, error) {
	var f framing
	for n := 0; lines != ""; n++ {
		if n == c.opts.MaxFields {
			return dst, f, &Error{Status: 431, Message: "more than " + itoa(int64(n)) + " header fields"}
		}
		name, value, rest, err := readField(lines)
		if err != nil {
			return dst, f, err
		}
		lines = rest
		id := fieldOf(name)
		if !request && (id == fieldHost || id == fieldExpect) {
			id = other
		}
		switch id {
		case other:
			dst = append(dst, abi.Pair{Key: name, Value: value})
		case fieldHost:
			f.host = value
			f.hosts++
		case fieldContentLength:
			var ok bool
			if f.length, ok = parseLength(value); !ok {
				return dst, f, malformedf("Content-Length %q", clip(value))
			}
			f.lengths++
		case fieldTransferEncoding:
			f.encoding = value
			f.chunked = abi.EqualFold(value, "chunked")
			f.encodings++
		case fieldConnection:
			if !f.readConnection(value) {
				return dst, f, malformedf("Connection names more than %d fields", maxNamed)
			}
		case fieldUpgrade:
			if f.upgrade != "" {
				return dst, f, malformedf("more than one Upgrade field")
			}
			f.upgrade = value
		case fieldExpect:
			f.expect = value
			f.expects++
		case fieldTrailer:
			if !eachElement(value, func(name string) bool { return fieldOf(name) == other }) {
				return dst, f, malformedf("Trailer announces %q", clip(value))
			}
		}
	}
	if len(f.named) > 0 {
		dst = dropNamed(dst, f.named)
	}
	return dst, f, f.check()
}

// readField parses the first of lines, each of which ends with CRLF, and returns the lines after it.
func readField(lines string) (name, value, rest string, err error) {
	end := strings.IndexByte(lines, '\n')
	if end < 1 || lines[end-1] != '\r' {
		return "", "", "", malformedf("line does not end with CRLF")
	}
	line := lines[:end-1]
	colon := strings.IndexByte(line, ':')
	if colon < 0 {
		return "", "", "", malformedf("header line %q has no colon", clip(line))
	}
	name = line[:colon]
	if !ValidName(name) {
		// Also a folded line, which begins with a blank, and a blank before the colon.
		return "", "", "", malformedf("header field name %q", clip(name))
	}
	value = trimBlank(line[colon+1:])
	if !ValidValue(value) {
		return "", "", "", malformedf("control character in the value of %s", clip(name))
	}
	return name, value, lines[end+1:], nil
}

// readConnection reads one of the Connection fields. It is false as soon as all of them together name too many.
func (f *framing) readConnection(list string) bool {
	return eachElement(list, func(option string) bool {
		switch {
		case abi.EqualFold(option, "close"):
			f.close = true
		case abi.EqualFold(option, "keep-alive"):
			f.keep = true
		case abi.EqualFold(option, "upgrade"):
		case len(f.named) == maxNamed:
			return false
		default:
			f.named = append(f.named, option)
		}
		return true
	})
}

// check refuses what could be framed in more than one way.
func (f *framing) check() error {
	switch {
	case f.lengths > 1:
		return malformedf("more than one Content-Length")
	case f.encodings > 0 && f.lengths > 0:
		return malformedf("both Transfer-Encoding and Content-Length")
	case f.encodings > 1:
		return malformedf("more than one Transfer-Encoding")
	case f.encodings == 1 && !f.chunked:
		return &Error{Status: 501, Message: "transfer encoding " + quote(f.encoding) + " is not supported"}
	}
	return nil
}

// dropNamed removes the fields that Connection names: they were meant for this connection and not for the next.
func dropNamed(fields []abi.Pair, named []string) []abi.Pair {
	return slices.DeleteFunc(fields, func(p abi.Pair) bool {
		return slices.ContainsFunc(named, func(name string) bool { return abi.EqualFold(p.Key, name) })
	})
}
