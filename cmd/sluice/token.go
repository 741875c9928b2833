package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-gateway/sluice/host/identity"
)

// Bounds of a token that somebody brings: a digest of a short text is found by
// trying all of them, and a long one does not fit into a header field.
const (
	minToken = 16
	maxToken = 4096
)

func (c *command) token() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a random token for a client, and its digest for the configuration",
		Long: `Token makes a token of 256 random bits and prints it with its digest. The client gets the token; the configuration gets
the digest, in tenants[].match.tokens or in a file that is named there. The token itself is kept nowhere.

With --stdin it prints the digest of the token on standard input, for tokens that come from elsewhere. They must be
random too: what can be guessed is found by its digest. The exit code is 1 for one that is too short or cannot be sent.`,
		Args: noArguments,
	}
	stdin := cmd.Flags().Bool("stdin", false, "print the digest of the token on standard input")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *stdin {
			token, err := readToken(cmd.InOrStdin())
			if err != nil {
				return failed(err)
			}
			_, err = fmt.Fprintln(c.stdout, identity.DigestOf(token))
			return failed(err)
		}
		token := identity.NewToken()
		_, err := fmt.Fprintf(c.stdout, "token   %s\ndigest  %s\n", token, identity.DigestOf(token))
		return failed(err)
	}
	return cmd
}

// readToken reads one line. Its errors do not show it.
func readToken(r io.Reader) (string, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxToken+2))
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case len(token) > maxToken:
		return "", fmt.Errorf("the token has more than %d characters", maxToken)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("the token has a blank, a line break or a character that is not ASCII: it could not be sent in a header field")
	case len(token) < minToken:
		return "", fmt.Errorf("the token has %d characters: it could be found by trying; take one of at least %d, or let `sluice token` make one", len(token), minToken)
	}
	return token, nil
}
