package hosttest_test

import (
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/sluice-gateway/sluice/host/dockerapi"
	"github.com/sluice-gateway/sluice/host/hosttest"
	"github.com/sluice-gateway/sluice/host/wire"
)

const bodyLimit = 16 << 20

// TestBypassCorpus takes every case through the layers that bring a request into its canonical form, without a gateway around them:
// the case is right about what they do.
func TestBypassCorpus(t *testing.T) {
	rows := map[int]bool{}
	for _, c := range hosttest.BypassCases(t) {
		rows[c.Row] = true
		t.Run(c.Name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			go func() {
				for _, step := range c.Steps {
					_, _ = client.Write(step.Request)
				}
				client.Close()
			}()
			_ = server.SetDeadline(time.Now().Add(time.Minute))
			conn := wire.NewConn(server, wire.Options{})
			defer conn.Close()
			for i, step := range c.Steps {
				method, target, body, err := canonicalRequest(conn)
				status, message := 0, ""
				var malformed *wire.Error
				var refused *dockerapi.Error
				switch {
				case errors.As(err, &malformed):
					status, message = malformed.Status, malformed.Message
				case errors.As(err, &refused):
					status, message = refused.Status, refused.Message
				case err != nil:
					t.Fatalf("step %d: %v", i, err)
				}
				if step.Outcome == hosttest.Refused {
					if status != step.Status || !strings.Contains(message, step.Message) {
						t.Errorf("step %d: got %d %q (%s %s %.200s)\nwant %d %q", i, status, message, method, target, body, step.Status, step.Message)
					}
					continue
				}
				if err != nil || method != step.Method || target != step.Target || !bytes.Equal(body, step.Body) {
					t.Errorf("step %d:\ngot  %s %s %s, %v\nwant %s %s %s", i, method, target, body, err, step.Method, step.Target, step.Body)
				}
			}
		})
	}
	for row := range 40 {
		if !rows[row+1] {
			t.Errorf("there is no case for row %d", row+1)
		}
	}
}

// canonicalRequest reads one request and brings it into its canonical form, in the order in which a gateway has to.
func canonicalRequest(conn *wire.Conn) (method, target string, body []byte, err error) {
	var r wire.Request
	if err := conn.ReadRequest(&r); err != nil {
		return "", "", nil, err
	}
	call, err := dockerapi.Classify(r.Method, r.Target)
	if err != nil {
		return r.Method, r.Target, nil, err
	}
	if err := dockerapi.CheckVersion(&call, "1.24"); err != nil {
		return r.Method, call.Target(), nil, err
	}
	var headers dockerapi.Headers
	for _, f := range r.Header {
		if _, err := headers.Canonical(f.Key, f.Value); err != nil {
			return r.Method, call.Target(), nil, err
		}
	}
	if !r.Body.HasBody() {
		return r.Method, call.Target(), nil, nil
	}
	var types, encodings []string
	for _, f := range r.Header {
		switch {
		case strings.EqualFold(f.Key, "Content-Type"):
			types = append(types, f.Value)
		case strings.EqualFold(f.Key, "Content-Encoding"):
			encodings = append(encodings, f.Value)
		}
	}
	plan, err := dockerapi.PlanBody(&call, types, encodings)
	if err != nil {
		return r.Method, call.Target(), nil, err
	}
	for done := false; !done; {
		var chunk []byte
		if chunk, done, err = conn.NextBody(); err != nil {
			return r.Method, call.Target(), nil, err
		}
		if body = append(body, chunk...); len(body) > bodyLimit {
			return r.Method, call.Target(), nil, &dockerapi.Error{Status: 413}
		}
	}
	if plan == dockerapi.BodyPass {
		return r.Method, call.Target(), body, nil
	}
	body, _, err = dockerapi.CanonicalBody(&call, body, dockerapi.JSONLimits{})
	return r.Method, call.Target(), body, err
}
