package record

// A Splitter cuts one stream. It is for one goroutine.
//
// The bytes of the stream are given to Feed, in whatever pieces they come; then Next returns the records that they
// complete, until it has no more. What is incomplete is kept, at most the limit of a record and its frame.
type Splitter struct {
	format Format
	limit  int

	in   []byte // what is not cut yet: the caller's memory, or rest
	rest []byte // own memory
	own  bool   // in is rest
	end  bool
	err  error

	json  jsonScanner
	frame frameReader
	out   []byte // what Join builds
}

// MinLimit is the least that the limit of a record can be.
const MinLimit = 1 << 10

// NewSplitter returns a Splitter for a stream of the format. A record, without the few bytes of its frame, is at most limit
// bytes: a JSON value or a message that is longer is an error, a frame that is longer is cut into several.
func NewSplitter(format Format, limit int) *Splitter {
	return &Splitter{format: format, limit: max(limit, MinLimit)}
}

// Feed gives the next bytes of the stream, and tells with end that they are the last ones; there may be none. The bytes
// are the Splitter's, to read and to change, until Next has no more records.
func (s *Splitter) Feed(p []byte, end bool) {
	s.end = s.end || end
	if len(s.rest) > 0 {
		s.rest = append(s.rest, p...)
		s.in, s.own = s.rest, true
		return
	}
	s.in, s.own = p, false
}

// Next returns the next record; ok is false when more bytes are needed. An error is an *[Error], and final: the bytes that
// could not be cut are not to be passed on.
func (s *Splitter) Next() (r Record, ok bool, err error) {
	if s.err != nil {
		return Record{}, false, s.err
	}
	switch {
	case len(s.in) == 0:
	case s.format == JSON || s.format == JSONSeq:
		r, ok, err = s.nextValue()
	case s.format == Frames:
		r, ok, err = s.nextFrame()
	case s.format == WebSocket:
		r, ok, err = s.nextMessage()
	default:
		r, ok = s.take(min(len(s.in), s.limit), 0), true
	}
	if err == nil && !ok {
		s.keep()
		if s.end && s.open() {
			err = failf("the stream ended inside of a record (%s)", s.format)
		}
	}
	if err != nil {
		s.err, s.in, s.rest = err, nil, nil
	}
	return r, ok, err
}

// Ended tells whether the record that Next has just returned is the stream's last.
func (s *Splitter) Ended() bool { return s.end && len(s.in) == 0 && !s.open() }

// End returns the record, without a byte in it, that stands for the end of a stream whose last record did not come with
// it.
func (s *Splitter) End() Record {
	switch s.format {
	case JSON, JSONSeq:
		return Record{Kind: KindJSON}
	case Frames:
		return Record{Kind: KindFrame, Stream: Stdout}
	}
	return Record{head: wsFin | wsBinary}
}

// Rest returns the bytes that were not cut yet and forgets them: for a stream that goes on without being cut. What is left of a
// frame of which a part went on already begins with the head of a frame of its own.
func (s *Splitter) Rest() []byte {
	rest := s.in
	if left := s.frame.left; left > 0 {
		rest = append(appendFrameHead(nil, s.frame.stream, int(left)), rest...)
	}
	s.in, s.rest, s.frame = nil, nil, frameReader{}
	return rest
}

// open tells whether a record has begun and not ended.
func (s *Splitter) open() bool { return len(s.in) > 0 || s.frame.left > 0 }

// take cuts the record's bytes, of which the first head are its frame, off the input.
func (s *Splitter) take(n, head int) Record {
	whole := s.in[:n:n]
	s.in = s.in[n:]
	return Record{Data: whole[head:], whole: whole}
}

// keep moves what is not cut yet into memory of the Splitter's own.
func (s *Splitter) keep() {
	if s.own {
		if len(s.in) < len(s.rest) {
			s.rest = s.rest[:copy(s.rest, s.in)]
		}
	} else {
		s.rest = append(s.rest[:0], s.in...)
	}
	s.in, s.own = s.rest, true
	if len(s.rest) == 0 && cap(s.rest) > keepMemory {
		s.rest = nil
	}
}

// keepMemory is how much memory is kept between records.
const keepMemory = 64 << 10

// Join returns what is to be sent on in the place of a record of which a filter has left data; valid until the next Join. None,
// of a record that had some, drops the record with its frame.
func (s *Splitter) Join(r *Record, data []byte, modified bool) []byte {
	switch {
	case !modified && r.whole != nil:
		return r.whole
	case r.Opaque, len(data) == 0 && !s.fragment(r):
		return nil
	}
	switch s.format {
	case JSON, JSONSeq:
		return s.joinValue(r, data)
	case Frames:
		s.out = appendFrame(s.out[:0], r.Stream, data)
		return s.out
	case WebSocket:
		s.out = appendMessage(s.out[:0], r.head, data)
		return s.out
	}
	return data
}
