package identity

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluice-gateway/sluice/abi"
	"github.com/sluice-gateway/sluice/host/listener"
)

// Client is who is at the other end of one connection. Its methods may be called
// from several goroutines.
type Client struct {
	peer     listener.Peer
	conn     net.Conn
	address  string
	accepted time.Time

	mu        sync.Mutex // guards what follows, and is held while it is found out
	groups    []uint32   // nil: not asked yet
	container *Container // nil: not found yet
	alone     bool       // it is in no container
	asked     string     // the engine that said so
}

// NewClient describes the client of a connection that was accepted at a time, on
// the listener of this address.
func NewClient(conn net.Conn, address string, peer *listener.Peer, accepted time.Time) *Client {
	return &Client{peer: *peer, conn: conn, address: address, accepted: accepted}
}

// Address is the address of the listener that the client has connected to.
func (c *Client) Address() string { return c.address }

// String is the client in a log.
func (c *Client) String() string {
	p := &c.peer
	switch {
	case p.UID >= 0:
		return "uid=" + strconv.Itoa(p.UID) + " pid=" + strconv.Itoa(p.PID)
	case p.Certificate != nil:
		return p.Address + " cn=" + p.Certificate.CommonName
	}
	return p.Address
}

// hasUID reports whether the kernel said who connected: on unix sockets.
func (c *Client) hasUID() bool { return c.peer.UID >= 0 }

// inGroup reports whether the peer's group, or one of its supplementary groups,
// is among those given.
func (c *Client) inGroup(wanted []uint32) (bool, error) {
	if contains(wanted, uint32(c.peer.GID)) {
		return true, nil
	}
	groups, err := c.peerGroups()
	if err != nil {
		return false, err
	}
	for _, g := range groups {
		if contains(wanted, g) {
			return true, nil
		}
	}
	return false, nil
}

func (c *Client) peerGroups() ([]uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.groups == nil {
		groups, err := listener.Groups(c.conn)
		if err != nil {
			return nil, err
		}
		c.groups = append([]uint32{}, groups...)
	}
	return c.groups, nil
}

func contains(list []uint32, n uint32) bool {
	for _, m := range list {
		if m == n {
			return true
		}
	}
	return false
}

// Property is a fact about the client, by its NUL-separated path: peer.uid,
// connection.mtls, peer.container.labels.NAME, …. README.md lists them. What is
// unknown is StatusNotFound; what could not be found out is StatusInternalFailure,
// and never taken for unknown. engine is asked about containers and may be nil.
func (c *Client) Property(ctx context.Context, path string, engine Engine) ([]byte, abi.Status) {
	p := &c.peer
	switch path {
	case "source\x00address":
		return text(p.Address)
	case "source\x00port":
		return port(p.Address)
	case "destination\x00address":
		return text(c.local())
	case "destination\x00port":
		return port(c.local())
	case "listener\x00address":
		return text(c.address)
	case "connection\x00mtls":
		if p.Certificate != nil {
			return []byte{1}, abi.StatusOK // booleans are one byte
		}
		return []byte{0}, abi.StatusOK
	}
	if name, ok := strings.CutPrefix(path, "peer\x00"); ok {
		return c.peerProperty(ctx, name, engine)
	}
	if name, ok := strings.CutPrefix(path, "connection\x00"); ok && p.Certificate != nil {
		return connectionProperty(p.Certificate, name)
	}
	return nil, abi.StatusNotFound
}

// local is the address that a client on TCP has connected to.
func (c *Client) local() string {
	if a, ok := c.conn.LocalAddr().(*net.TCPAddr); ok {
		return a.String()
	}
	return ""
}

// port is the port of an address, as Envoy gives numbers.
func port(address string) ([]byte, abi.Status) {
	_, digits, err := net.SplitHostPort(address)
	if err != nil {
		return nil, abi.StatusNotFound
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return nil, abi.StatusNotFound
	}
	return binary.LittleEndian.AppendUint64(nil, n), abi.StatusOK
}

// connectionProperty has Envoy's names of what a client's certificate says.
func connectionProperty(c *listener.Certificate, name string) ([]byte, abi.Status) {
	switch name {
	case "subject_peer_certificate":
		return text(c.Subject)
	case "dns_san_peer_certificate":
		return text(first(c.DNSNames))
	case "uri_san_peer_certificate":
		return text(first(c.URIs))
	case "sha256_peer_certificate_digest":
		return text(hex.EncodeToString(c.Fingerprint[:]))
	}
	return nil, abi.StatusNotFound
}

func (c *Client) peerProperty(ctx context.Context, name string, engine Engine) ([]byte, abi.Status) {
	if name, ok := strings.CutPrefix(name, "certificate\x00"); ok {
		if c.peer.Certificate == nil {
			return nil, abi.StatusNotFound
		}
		return certificateProperty(c.peer.Certificate, name)
	}
	if !c.hasUID() {
		return nil, abi.StatusNotFound
	}
	switch name {
	case "uid":
		return text(strconv.Itoa(c.peer.UID))
	case "gid":
		return text(strconv.Itoa(c.peer.GID))
	case "pid":
		return text(strconv.Itoa(c.peer.PID))
	case "groups":
		groups, err := c.peerGroups()
		if err != nil {
			return nil, abi.StatusInternalFailure
		}
		return encode(groups)
	}
	if name, ok := strings.CutPrefix(name, "container\x00"); ok {
		return c.containerProperty(ctx, name, engine)
	}
	return nil, abi.StatusNotFound
}

func certificateProperty(c *listener.Certificate, name string) ([]byte, abi.Status) {
	switch name {
	case "common_name":
		return text(c.CommonName)
	case "spiffe":
		return text(c.SPIFFE)
	case "dns_names":
		return list(c.DNSNames)
	case "email_addresses":
		return list(c.EmailAddresses)
	case "ip_addresses":
		return list(c.IPAddresses)
	case "uris":
		return list(c.URIs)
	}
	return nil, abi.StatusNotFound
}

func (c *Client) containerProperty(ctx context.Context, name string, engine Engine) ([]byte, abi.Status) {
	container, err := c.Container(ctx, engine)
	switch {
	case err != nil:
		return nil, abi.StatusInternalFailure
	case container == nil:
		return nil, abi.StatusNotFound
	}
	switch name {
	case "id":
		return text(container.ID)
	case "name":
		return text(container.Name)
	}
	if key, ok := strings.CutPrefix(name, "labels\x00"); ok {
		// A label's name has points, which stand between the parts of a path: as one
		// part and as several it is the same.
		if value, ok := container.Labels[strings.ReplaceAll(key, "\x00", ".")]; ok {
			return []byte(value), abi.StatusOK
		}
	}
	return nil, abi.StatusNotFound
}

// text is a property that is not there when it is empty.
func text(s string) ([]byte, abi.Status) {
	if s == "" {
		return nil, abi.StatusNotFound
	}
	return []byte(s), abi.StatusOK
}

// list is a JSON array, and not there when it is empty. What stands in a
// certificate may contain whatever a shorter form would separate the names by.
func list(items []string) ([]byte, abi.Status) {
	if len(items) == 0 {
		return nil, abi.StatusNotFound
	}
	return encode(items)
}

func encode[T any](items []T) ([]byte, abi.Status) {
	encoded, err := json.Marshal(items)
	if err != nil {
		return nil, abi.StatusInternalFailure // numbers and strings always have a form
	}
	return encoded, abi.StatusOK
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}
