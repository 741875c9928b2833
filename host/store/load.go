package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// load reads the store's file into m, and opens it for what comes. It makes one
// where there is none.
func load(m *Memory, dir string, log *slog.Logger) (*logFile, error) {
	path := filepath.Join(dir, logName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &logFile{path: path, file: f, most: growth}
	if err := l.load(m, log); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

func (l *logFile) load(m *Memory, log *slog.Logger) error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	whole := info.Size()
	r := &reader{from: bufio.NewReaderSize(l.file, 1<<20)}
	switch err := r.header(); err {
	case nil:
	case errNoHeader:
		return l.begin()
	default:
		return fmt.Errorf("%s: %w", l.path, err)
	}
	why := r.records(m.replay)
	l.size = r.good
	if why == nil {
		return nil
	}
	if !errors.Is(why, errMalformed) && !errors.Is(why, io.ErrUnexpectedEOF) {
		return fmt.Errorf("read %s: %w", l.path, why)
	}
	aside := filepath.Join(filepath.Dir(l.path), damageName)
	if err := l.putAside(aside, whole); err != nil {
		return fmt.Errorf("put the unreadable end of %s aside: %w", l.path, err)
	}
	log.Warn("the end of the store's file cannot be read, as after a crash; what it changed is lost",
		slog.String("file", l.path), slog.Int("records_read", r.count), slog.Int64("offset", r.good),
		slog.Int64("bytes_lost", whole-r.good), slog.String("kept_as", aside))
	return nil
}

// begin makes an empty file of records.
func (l *logFile) begin() error {
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	if err := l.append([]byte(fileHeader)); err != nil {
		return err
	}
	return errors.Join(l.sync(), syncDir(filepath.Dir(l.path)))
}

// putAside copies what is behind the last good record into another file and cuts
// it off.
func (l *logFile) putAside(path string, whole int64) error {
	aside, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(aside, io.NewSectionReader(l.file, l.size, whole-l.size))
	if err := errors.Join(err, aside.Sync(), aside.Close()); err != nil {
		return err
	}
	return errors.Join(l.file.Truncate(l.size), l.file.Sync())
}

// reader takes records off a file.
type reader struct {
	from  *bufio.Reader
	good  int64 // bytes up to the end of the last good record
	count int   // of these
}

// errNoHeader: the file is new, or the process that made it got no further.
var errNoHeader = errors.New("the file is empty")

func (r *reader) header() error {
	header := make([]byte, len(fileHeader))
	n, err := io.ReadFull(r.from, header)
	switch {
	case err != nil && err != io.EOF && err != io.ErrUnexpectedEOF:
		return err
	case string(header[:n]) != fileHeader[:n]:
		return fmt.Errorf("this is not a store's file, or one of another version (it does not begin with %q): move it away", fileHeader)
	case n < len(fileHeader):
		return errNoHeader
	}
	r.good = int64(len(fileHeader))
	return nil
}

// records hands each record to apply. It returns nil at the file's end, errMalformed
// or io.ErrUnexpectedEOF where a record is damaged, or an error of reading.
func (r *reader) records(apply func(record)) error {
	var body []byte
	for {
		var head [recordHead]byte
		if _, err := io.ReadFull(r.from, head[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		size := binary.LittleEndian.Uint32(head[:])
		if size > maxRecord {
			return errMalformed
		}
		var err error
		if body, err = readBody(r.from, body, int(size)); err != nil {
			return err
		}
		if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
			return errMalformed
		}
		one, err := parseRecord(body)
		if err != nil {
			return err
		}
		apply(one)
		r.good += recordHead + int64(size)
		r.count++
	}
}

// readBody reads a record's body, and does not allocate for what it says of its
// length before it is there.
func readBody(from io.Reader, body []byte, size int) ([]byte, error) {
	const step = 1 << 20
	body = body[:0]
	for len(body) < size {
		n := min(size-len(body), step)
		at := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(from, body[at:]); err == io.EOF {
			return nil, io.ErrUnexpectedEOF
		} else if err != nil {
			return nil, err
		}
	}
	return body, nil
}

// replay makes the change of a record, while nobody else uses the store. Bounds
// were heeded when it was written.
func (m *Memory) replay(r record) {
	s := m.space(r.ns)
	switch r.op {
	case opSet:
		e := s.data[string(r.name)]
		var expires time.Duration
		if r.expires != 0 {
			if expires = time.UnixMilli(r.expires).Sub(m.born); expires <= 0 {
				if e != nil {
					s.remove(e)
				}
				return
			}
		}
		keys, size := len(s.data), s.bytes
		s.put(e, r.name, r.value, expires)
		s.total.data(len(s.data)-keys, s.bytes-size)
	case opDelete:
		if e := s.data[string(r.name)]; e != nil {
			s.remove(e)
		}
	case opEnqueue, opRequeue:
		q := s.named[string(r.name)]
		if q == nil {
			q = s.register(string(r.name))
		}
		if r.op == opEnqueue {
			q.items.pushBack(queued{item: append([]byte(nil), r.value...)})
		} else {
			q.items.pushFront(queued{item: append([]byte(nil), r.value...)})
		}
		q.bytes += int64(len(r.value))
		s.total.item(1, int64(len(r.value)))
	case opDequeue:
		if q := s.named[string(r.name)]; q != nil && q.items.len() > 0 {
			q.take()
		}
	}
}
