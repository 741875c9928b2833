package listener

import (
	"crypto/sha256"
	"crypto/x509"

	"github.com/sluice-gateway/sluice/host/spiffe"
)

// Certificate is what a verified certificate of a client says.
type Certificate struct {
	// Subject is the subject's distinguished name as RFC 2253 writes it, and
	// CommonName the common name in it.
	Subject, CommonName string

	// DNSNames, EmailAddresses, IPAddresses and URIs are the subject's alternative
	// names, each kind in the certificate's order.
	DNSNames, EmailAddresses, IPAddresses, URIs []string

	// SPIFFE is the id of the workload: the certificate's URI, if it has exactly
	// one, that is a valid SPIFFE id, and it is no authority's certificate. ""
	// otherwise.
	SPIFFE string

	// Fingerprint is the SHA-256 of the certificate.
	Fingerprint [sha256.Size]byte
}

func newCertificate(cert *x509.Certificate) *Certificate {
	c := &Certificate{
		Subject:        cert.Subject.String(),
		CommonName:     cert.Subject.CommonName,
		DNSNames:       cert.DNSNames,
		EmailAddresses: cert.EmailAddresses,
		Fingerprint:    sha256.Sum256(cert.Raw),
	}
	for _, ip := range cert.IPAddresses {
		c.IPAddresses = append(c.IPAddresses, ip.String())
	}
	for _, uri := range cert.URIs {
		c.URIs = append(c.URIs, uri.String())
	}
	// A second URI makes it an invalid X.509-SVID (2 of its specification), and
	// nobody could say which of two is meant.
	if len(c.URIs) == 1 && !cert.IsCA && spiffe.Valid(c.URIs[0]) {
		c.SPIFFE = c.URIs[0]
	}
	return c
}
