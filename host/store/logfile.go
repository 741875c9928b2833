package store

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"
)

// growth is how much a file may grow beyond twice what it was when it was last
// written anew.
const growth = 4 << 20

// logFile is the file of records. It is used by one goroutine.
type logFile struct {
	path  string
	file  *os.File
	size  int64
	most  int64 // beyond it the file is written anew
	dirty bool  // something is not synced yet
}

// append writes records at the end.
func (l *logFile) append(records []byte) error {
	l.dirty = true
	n, err := l.file.Write(records)
	l.size += int64(n)
	return err
}

// sync returns once everything is on the disk.
func (l *logFile) sync() error {
	if !l.dirty {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return err
	}
	l.dirty = false
	return nil
}

func (l *logFile) close() error { return l.file.Close() }

// outgrown tells whether n more bytes would make the file too long.
func (l *logFile) outgrown(n int) bool { return l.size+int64(n) > l.most }

// replace writes the records to a new file and puts it in the place of this one:
// at no moment is there less than one complete file. After an error the old one is
// in use as before, and has room to grow.
func (l *logFile) replace(records []record) (err error) {
	l.most = l.size + growth
	file, err := os.OpenFile(l.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}()
	size, err := writeRecords(file, records)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), l.path); err != nil {
		return err
	}
	_ = l.file.Close() // nobody needs what could not be written
	l.file, l.size, l.most, l.dirty = file, size, 2*size+growth, false
	if err := syncDir(filepath.Dir(l.path)); err != nil {
		l.dirty = true // the name may not be on the disk; the next sync tells
	}
	return nil
}

func writeRecords(file *os.File, records []record) (size int64, err error) {
	w := bufio.NewWriterSize(file, 1<<20)
	n, err := w.WriteString(fileHeader)
	size = int64(n)
	var one []byte
	for i := range records {
		one = records[i].appendTo(one[:0])
		if n, err = w.Write(one); err != nil {
			return 0, err
		}
		size += int64(n)
	}
	return size, errors.Join(err, w.Flush())
}

// syncDir puts the names of a directory on the disk.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
