package hosttest

import (
	"fmt"
	"io"
	"net/http"
)

// JSON answers with a status and a JSON body, on a connection that stays open. The request's body is read first.
func JSON(status int, body string) Behaviour {
	return func(x *Exchange) bool {
		if _, err := io.Copy(io.Discard, x.Body); err != nil {
			return false
		}
		if x.Method == http.MethodHead {
			return x.Write("HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", status, http.StatusText(status), len(body))
		}
		return x.Write("HTTP/1.1 %d %s\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			status, http.StatusText(status), len(body), body)
	}
}

// Raw answers with exactly these bytes, on a connection that stays open. The request's body is read first.
func Raw(response string) Behaviour {
	return func(x *Exchange) bool {
		if _, err := io.Copy(io.Discard, x.Body); err != nil {
			return false
		}
		_, err := io.WriteString(x.Conn, response)
		return err == nil
	}
}

// Pieces answers with these bytes, each piece in a write of its own that waits for the next value of step; so a head that
// comes in two parts, or before its body, or late. A nil step does not wait. With a step that is closed the rest comes at
// once.
func Pieces(step <-chan struct{}, pieces ...string) Behaviour {
	return func(x *Exchange) bool {
		for _, piece := range pieces {
			if step != nil {
				select {
				case <-step:
				case <-x.Stopped:
					return false
				}
			}
			if _, err := io.WriteString(x.Conn, piece); err != nil {
				return false
			}
		}
		return true
	}
}

// ThenClose runs b and closes the connection afterwards without having announced it.
func ThenClose(b Behaviour) Behaviour {
	return func(x *Exchange) bool {
		b(x)
		return false
	}
}

// Drop closes the connection without an answer.
func Drop() Behaviour {
	return func(*Exchange) bool { return false }
}

// Silent never answers. It closes gone once the peer has closed its connection, as the engine notices a client that went
// away during docker wait.
func Silent(gone chan<- struct{}) Behaviour {
	return func(x *Exchange) bool {
		_, _ = io.Copy(io.Discard, x.Reader)
		close(gone)
		return false
	}
}

// Echo answers with the request's own body, chunked, each piece as soon as it came: an answer that runs during its upload.
func Echo() Behaviour {
	return func(x *Exchange) bool {
		if !x.Write("HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n") {
			return false
		}
		buf := make([]byte, 32<<10)
		for {
			n, err := x.Body.Read(buf)
			if n > 0 && !x.Write("%x\r\n%s\r\n", n, buf[:n]) {
				return false
			}
			if err != nil {
				return err == io.EOF && x.Write("0\r\n\r\n")
			}
		}
	}
}

// Upgraded is the head of a hijack by 101, as the engine writes it for attach and exec.
const Upgraded = "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"

// Hijacked200 is the head of the old hijack, which the engine sends to clients that did not ask for an upgrade.
const Hijacked200 = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"

// Hijack writes a head and early in one segment, then echoes every byte until the client ends its direction, writes
// "\ndone: N bytes\n" and closes. So a test sees early bytes, both directions, and that half a close did not become a
// whole one.
func Hijack(head, early string) Behaviour {
	return func(x *Exchange) bool {
		if _, err := io.Copy(io.Discard, x.Body); err != nil {
			return false
		}
		if _, err := io.WriteString(x.Conn, head+early); err != nil {
			return false
		}
		n, err := io.Copy(x.Conn, x.Reader)
		if err == nil {
			_, _ = fmt.Fprintf(x.Conn, "\ndone: %d bytes\n", n)
		}
		return false
	}
}
