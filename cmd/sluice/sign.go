package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host/trust"
)

// maxKeyFile is how many bytes of a private key or of a password are read.
const maxKeyFile = 4 << 10

func (c *command) sign() *cobra.Command {
	var key, password, name, version string
	cmd := &cobra.Command{
		Use:   "sign --key FILE --version MAJOR.MINOR.PATCH MODULE",
		Short: "Sign a module, with its name and version, for configurations that verify",
		Long: `Sign writes MODULE.minisig: a signature in minisign's form whose trusted comment says the module's name, version
and digest. The comment is part of what is signed, so that neither an older version nor another module can be put in its
place. The key is one of minisign, made by:

    minisign -G -p sluice.pub -s sluice.key

The statement goes to stdout. An existing signature is replaced.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("sign takes one module, not %d", len(args))
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&key, "key", "", "the private key, a file of minisign")
	flags.StringVar(&password, "password-file", "", "a file whose first line is the private key's password")
	flags.StringVar(&name, "name", "", "what the module is called; default: its file name without .wasm")
	flags.StringVar(&version, "version", "", "the module's version")
	for _, flag := range []string{"key", "version"} {
		if err := cmd.MarkFlagRequired(flag); err != nil {
			panic(err) // the flag is defined above
		}
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		v, err := trust.ParseVersion(version)
		if err != nil {
			return fmt.Errorf("--version: %w", err)
		}
		module := args[0]
		if name == "" {
			name = strings.TrimSuffix(filepath.Base(module), ".wasm")
		}
		if err := trust.CheckName(name); err != nil {
			return fmt.Errorf("--name: %w", err)
		}
		signer, err := readSigner(key, password)
		if err != nil {
			return failed(err)
		}
		code, err := os.ReadFile(module)
		if err != nil {
			return failed(err)
		}
		signature, err := signer.Sign(code, name, v)
		if err != nil {
			return failed(err)
		}
		if err := os.WriteFile(module+".minisig", signature, 0o644); err != nil {
			return failed(err)
		}
		public, err := trust.ParseKey(signer.Public())
		if err != nil {
			return failed(err)
		}
		statement, err := trust.Verify([]trust.Key{public}, code, signature)
		if err != nil {
			return failed(fmt.Errorf("the signature that was just made is not right: %w", err))
		}
		_, err = fmt.Fprintf(c.stdout, "%s\nsigned by %s\n", statement, signer.Public())
		return failed(err)
	}
	return cmd
}

func readSigner(key, passwordFile string) (trust.Signer, error) {
	content, err := readSmall(key)
	if err != nil {
		return trust.Signer{}, err
	}
	password := ""
	if passwordFile != "" {
		line, err := readSmall(passwordFile)
		if err != nil {
			return trust.Signer{}, err
		}
		password, _, _ = strings.Cut(string(line), "\n")
		password = strings.TrimSuffix(password, "\r")
	}
	signer, err := trust.ParseSigner(content, password)
	if errors.Is(err, trust.ErrPassword) {
		return trust.Signer{}, fmt.Errorf("%s: %w; write it into a file and name that by --password-file", key, err)
	}
	if err != nil {
		return trust.Signer{}, fmt.Errorf("%s: %w", key, err)
	}
	return signer, nil
}

// readSmall reads a file that holds a key or a password.
func readSmall(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > maxKeyFile:
		return nil, fmt.Errorf("%s is not a file of a key or of a password", path)
	}
	return os.ReadFile(path)
}
