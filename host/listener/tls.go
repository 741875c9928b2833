package listener

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsConfig reads the files of a TLS listener. Without any it returns nil.
func tlsConfig(o Options) (*tls.Config, error) {
	if o.Cert == "" && o.Key == "" {
		if o.ClientCA != "" {
			return nil, errors.New("client_ca needs cert and key")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
	if err != nil {
		return nil, fmt.Errorf("cert %s and key %s: %w", o.Cert, o.Key, err)
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair},
		MinVersion:   tls.VersionTLS12,
		// Docker's API needs HTTP/1.1: it upgrades connections.
		NextProtos: []string{"http/1.1"},
	}
	if o.ClientCA != "" {
		pem, err := os.ReadFile(o.ClientCA)
		if err != nil {
			return nil, fmt.Errorf("client_ca: %w", err)
		}
		config.ClientCAs = x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("client_ca: %s holds no certificate in PEM form", o.ClientCA)
		}
		config.ClientAuth = tls.RequireAndVerifyClientCert
		// A session that began with one set of authorities must not be resumed
		// under the next: Update may have taken the client's out.
		config.SessionTicketsDisabled = true
	}
	return config, nil
}
