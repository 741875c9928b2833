package dockerapi

// cursor walks over a JSON document that has been found well-formed.
type cursor struct {
	in  []byte
	pos int
}

// peek returns the byte at the cursor, 0 at the end.
func (c *cursor) peek() byte {
	if c.pos < len(c.in) {
		return c.in[c.pos]
	}
	return 0
}

func (c *cursor) skipSpace() {
	for c.pos < len(c.in) && (c.in[c.pos] == ' ' || c.in[c.pos] == '\t' || c.in[c.pos] == '\n' || c.in[c.pos] == '\r') {
		c.pos++
	}
}

// more goes to the next member or element, and behind the end where there is none.
func (c *cursor) more(end byte) bool {
	c.skipSpace()
	switch c.peek() {
	case end, 0:
		c.pos++
		return false
	case ',':
		c.pos++
		c.skipSpace()
	}
	return true
}

// string goes behind a string and returns what stands between its quotes.
func (c *cursor) string() []byte {
	start := c.pos + 1
	end, _, _ := scanText(c.in, start)
	c.pos = end + 1
	return c.in[start:end]
}

// key goes behind a key and its colon, to the value.
func (c *cursor) key() []byte {
	key := c.string()
	c.skipSpace()
	c.pos++
	c.skipSpace()
	return key
}

// pass goes behind a value of any kind.
func (c *cursor) pass() {
	for depth := 0; c.pos < len(c.in); {
		switch c.in[c.pos] {
		case '"':
			c.string()
		case '{', '[':
			depth++
			c.pos++
		case '}', ']':
			depth--
			c.pos++
		case ',', ':', ' ', '\t', '\n', '\r':
			c.pos++
			continue
		default:
			c.word()
		}
		if depth == 0 {
			return
		}
	}
}

// word goes behind a number, true, false or null.
func (c *cursor) word() {
	for ; c.pos < len(c.in); c.pos++ {
		switch c.in[c.pos] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return
		}
	}
}
