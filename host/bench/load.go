package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
)

// A sample is what one target did in one slice of a round.
type sample struct {
	requests int
	bytes    int64
	elapsed  time.Duration
	cpu      time.Duration // of the target's process
	p50, p99 time.Duration
}

func (s sample) perSecond() float64 { return float64(s.requests) / s.elapsed.Seconds() }

// drive sends requests on n connections, each as soon as the last was answered, and measures from the first byte written to the last read.
// wantBody is the length that every body must have; below zero any will do.
func drive(ctx context.Context, p *peer, target string, n int, slice time.Duration, wantBody int64) (sample, error) {
	return driveWith(ctx, p, get(target), n, slice, wantBody)
}

// get is a request as the docker command sends it.
func get(target string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: docker\r\nUser-Agent: Docker-Client/20.10.24 (linux)\r\n\r\n"
}

// driveWith is drive with any request.
func driveWith(ctx context.Context, p *peer, asked string, n int, slice time.Duration, wantBody int64) (sample, error) {
	request := []byte(asked)
	var (
		all      sync.WaitGroup
		mu       sync.Mutex
		failed   error
		latency  []time.Duration
		received int64
	)
	before, _ := p.cpu()
	start := time.Now()
	for range n {
		all.Go(func() {
			own, bytes, err := repeat(ctx, p.socket, request, start.Add(slice), wantBody)
			mu.Lock()
			defer mu.Unlock()
			latency = append(latency, own...)
			received += bytes
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	elapsed := time.Since(start)
	after, _ := p.cpu()
	if failed != nil {
		return sample{}, fmt.Errorf("%s: %w", p.name, failed)
	}
	if len(latency) == 0 {
		return sample{}, fmt.Errorf("%s: not one request in %v", p.name, slice)
	}
	slices.Sort(latency)
	return sample{
		requests: len(latency), bytes: received, elapsed: elapsed, cpu: after - before,
		p50: latency[len(latency)/2], p99: latency[len(latency)*99/100],
	}, nil
}

func repeat(ctx context.Context, socket string, request []byte, until time.Time, wantBody int64) (latency []time.Duration, received int64, err error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(until.Add(30 * time.Second)); err != nil {
		return nil, 0, err
	}
	in := bufio.NewReaderSize(conn, 64<<10)
	for began := time.Now(); began.Before(until) && ctx.Err() == nil; {
		if _, err := conn.Write(request); err != nil {
			return latency, received, err
		}
		n, err := readResponse(in)
		if err != nil {
			return latency, received, err
		}
		if wantBody >= 0 && n != wantBody {
			return latency, received, fmt.Errorf("a body of %d bytes, want %d", n, wantBody)
		}
		now := time.Now()
		latency = append(latency, now.Sub(began))
		received += n
		began = now
	}
	return latency, received, ctx.Err()
}

// readResponse reads one response that must be a 200 and returns its body's length. It looks at no more than it must: the load shares the
// processors with what it measures.
func readResponse(in *bufio.Reader) (length int64, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("answered %q", line)
	}
	chunked := false
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		switch {
		case hasName(line, "content-length:"):
			if length, err = strconv.ParseInt(string(bytes.TrimSpace(line[len("content-length:"):])), 10, 64); err != nil {
				return 0, err
			}
		case hasName(line, "transfer-encoding:"):
			chunked = true
		}
	}
	if !chunked {
		return length, discard(in, length)
	}
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return 0, err
		}
		if err := discard(in, size+2); err != nil || size == 0 {
			return length, err
		}
		length += size
	}
}

func hasName(line []byte, name string) bool {
	return len(line) > len(name) && line[0]|0x20 == name[0] && bytes.EqualFold(line[:len(name)], []byte(name))
}

func discard(in *bufio.Reader, n int64) error {
	for n > 0 {
		m, err := in.Discard(int(min(n, 1<<30)))
		n -= int64(m)
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

func processors() int { return runtime.NumCPU() }
