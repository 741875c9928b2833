package trust

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"aead.dev/minisign"
)

// ErrPassword means that a private key is encrypted and no password was given.
var ErrPassword = errors.New("the private key is encrypted, and no password is given")

// A Signer holds a private key.
type Signer struct{ key minisign.PrivateKey }

// ParseSigner reads the private key file of minisign. The password is for one that
// is encrypted; a file that is not is read whatever it is.
func ParseSigner(file []byte, password string) (Signer, error) {
	var s Signer
	var err error
	if minisign.IsEncrypted(file) {
		if password == "" {
			return Signer{}, ErrPassword
		}
		s.key, err = minisign.DecryptKey(password, file)
	} else {
		err = s.key.UnmarshalText(file)
	}
	if err != nil {
		return Signer{}, fmt.Errorf("cannot read the private key, or its password is another: %w", err)
	}
	return s, nil
}

// Sign makes the signature file of a module, with the statement as its trusted
// comment.
func (s Signer) Sign(module []byte, name string, version Version) ([]byte, error) {
	if err := CheckName(name); err != nil {
		return nil, err
	}
	statement := Statement{Name: name, Version: version, Digest: sha256.Sum256(module)}
	return minisign.SignWithComments(s.key, module, statement.String(), "signature from sluice"), nil
}

// Public is the key that verifies what s signs, as text.
func (s Signer) Public() string {
	return s.key.Public().(minisign.PublicKey).String()
}
