package chain

import (
	"strings"

	"github.com/sluice-gateway/sluice/abi"
)

// Client is what a stream knows of whose request it is.
type Client struct {
	// Tenant is whose request it is, "" where it is nobody's. Match.Tenants goes
	// by it.
	Tenant string
	// Token is the digest of the token that the request carried, "" where it
	// carried none or was not to be asked for one.
	Token string
	// Facts tell about the client and its connection. Nil knows nothing.
	Facts Facts

	// homeless says that it could not be found out which container the client is
	// in. To ask takes time that is not the guest's, so the stream asks once.
	homeless bool
}

// Facts are properties that a stream has from its client.
type Facts interface {
	// Fact returns the property with this NUL-separated path: source.address,
	// listener.address, peer.uid, …. StatusNotFound says that there is none, any
	// other than StatusOK that it could not be found out. It may block for a
	// bounded time.
	Fact(path string) ([]byte, abi.Status)
}

// FactMap is Facts that are known beforehand, by path.
type FactMap map[string]string

// Fact implements Facts.
func (m FactMap) Fact(path string) ([]byte, abi.Status) {
	value, ok := m[path]
	return found([]byte(value), ok)
}

// MoreFacts adds some that are known beforehand to others, which may be nil.
type MoreFacts struct {
	More FactMap
	Facts
}

// Fact implements Facts.
func (m MoreFacts) Fact(path string) ([]byte, abi.Status) {
	if value, status := m.More.Fact(path); status != abi.StatusNotFound || m.Facts == nil {
		return value, status
	}
	return m.Facts.Fact(path)
}

// property is a fact. known is false for what a filter may say by itself: no
// filter says who the client is.
func (c *Client) property(path string) (value []byte, status abi.Status, known bool) {
	status = abi.StatusNotFound
	ofContainer := strings.HasPrefix(path, "peer\x00container\x00")
	switch {
	case ofContainer && c.homeless:
		status = abi.StatusInternalFailure
	case c.Facts != nil:
		value, status = c.Facts.Fact(path)
		if ofContainer && status != abi.StatusOK && status != abi.StatusNotFound {
			c.homeless = true
		}
	}
	return value, status, status != abi.StatusNotFound || ofClient(path)
}

// ofClient tells the properties that are about the client and its connection.
func ofClient(path string) bool {
	root, _, _ := strings.Cut(path, "\x00")
	switch root {
	case "peer", "connection", "source", "destination", "listener":
		return true
	}
	return strings.HasPrefix(path, calloutPrefix)
}
