package e2e_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A door is one way to the engine that clients are given.
type door struct {
	name    string
	address string // as DOCKER_HOST has it: unix://PATH, or tcp://HOST:PORT with TLS and a client certificate
}

// doors are the gateways that are compared with the engine's own socket: the README's quickstart on a unix socket, and the same filters on TCP
// for clients with a certificate.
func doors(t testing.TB) []door {
	t.Helper()
	unix, tls := sharedGateways(t)
	return []door{{"unix", unix.address}, {"tls", tls.address}}
}

// eachDoor runs a test on the engine's socket and through every gateway, with the first command line.
func eachDoor(t *testing.T, test func(t *testing.T, d *docker)) {
	t.Helper()
	each(t, append([]door{{"socket", engine(t)}}, doors(t)...), test)
}

// eachGateway is eachDoor without the engine's socket, for what is better through the gateway.
func eachGateway(t *testing.T, test func(t *testing.T, d *docker)) {
	t.Helper()
	each(t, doors(t), test)
}

func each(t *testing.T, ways []door, test func(t *testing.T, d *docker)) {
	t.Helper()
	found := clis(t)
	for _, way := range ways {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			test(t, newDocker(t, found[0], way.address))
		})
	}
}

// A halfCloser is a connection of which one side can be told the end while the other goes on, as terminals and `nc -N` do.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// connect opens a connection to a door, with TLS where it is on TCP.
func connect(address string) (halfCloser, error) {
	host, isTCP := strings.CutPrefix(address, "tcp://")
	if !isTCP {
		conn, err := net.Dial("unix", strings.TrimPrefix(address, "unix://"))
		if err != nil {
			return nil, err
		}
		return conn.(*net.UnixConn), nil
	}
	certs, err := findCertificates()
	if err != nil {
		return nil, err
	}
	config, err := certs.client()
	if err != nil {
		return nil, err
	}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: patience}, "tcp", host, config)
	if err != nil {
		return nil, err
	}
	return conn, nil
}

// client speaks plain HTTP, whatever is below it, with a door, or with the unix socket of this path.
func client(address string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Dial:               func(string, string) (net.Conn, error) { return connect(address) },
		DisableCompression: true,
	}}
}

// settings are the environment by which Docker's clients find a door.
func settings(t testing.TB, address string) []string {
	t.Helper()
	env := []string{"DOCKER_HOST=" + address}
	if strings.HasPrefix(address, "tcp://") {
		env = append(env, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH="+certificates(t).dir)
	}
	return env
}

// startWithDoors is a gateway for one test that listens on a unix socket and on TCP with TLS.
func startWithDoors(t testing.TB, upstream, filters string) (g *gateway, ways []door) {
	t.Helper()
	g = prepareGateway(t, upstream, filters)
	g.listeners = certificates(t).listener()
	g.configure(t, upstream, filters)
	g.run(t)
	address, err := g.awaitAddress()
	if err != nil {
		t.Fatal(err)
	}
	return g, []door{{"unix", g.address}, {"tls", address}}
}

// startShared runs both shared gateways. They live until TestMain ends.
func startShared(binary, upstream string) (unix, overTLS *gateway, err error) {
	dir := filepath.Join(scratch, "quickstart")
	unix = newGateway(binary, dir)
	unix.args = []string{"quickstart", "--dir", dir, "--upstream", upstream}
	if err := unix.start(); err != nil {
		return nil, nil, err
	}
	// The same filters with the same configuration, and another listener.
	text, err := os.ReadFile(unix.config)
	if err != nil {
		return unix, nil, err
	}
	certs, err := findCertificates()
	if err != nil {
		return unix, nil, err
	}
	listener := fmt.Sprintf("  - address: '%s'\n", unix.address)
	before, after, found := strings.Cut(string(text), listener)
	if !found {
		return unix, nil, fmt.Errorf("the quickstart's configuration does not have the listener %q:\n%s", listener, text)
	}
	overTLS = newGateway(binary, dir)
	overTLS.config = filepath.Join(dir, "tls.yaml")
	if err := os.WriteFile(overTLS.config, []byte(before+certs.listener()+after), 0o600); err != nil {
		return unix, nil, err
	}
	overTLS.args = []string{"serve", "--config", overTLS.config, "--upstream", upstream}
	overTLS.address = "" // known once it listens
	return unix, overTLS, overTLS.start()
}

// awaitAddress returns the TCP address that a gateway says it listens on.
func (g *gateway) awaitAddress() (string, error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, rest, found := strings.Cut(g.log.String(), "address=tcp://"); found {
			if address, _, whole := strings.Cut(rest, "\n"); whole {
				return "tcp://" + strings.Fields(address)[0], nil
			}
		}
		select {
		case err := <-g.exited:
			return "", fmt.Errorf("sluice ended before it listened: %v\n%s", err, g.log)
		default:
		}
	}
	return "", fmt.Errorf("sluice did not say that it listens\n%s", g.log)
}
