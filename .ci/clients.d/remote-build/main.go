// Command remote-build builds a Dockerfile with BuildKit's own client in the way of a builder that is somewhere else: through POST /grpc
// alone, its session inside of a gRPC call. The docker command line would open a connection of its own for the session.
//
//	remote-build [-secret ID=FILE]… SOCKET DIRECTORY
//
// Progress goes to stderr, in plain text.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/util/progress/progressui"
	"github.com/tonistiigi/fsutil"
)

func main() {
	var sources []secretsprovider.Source
	flag.Func("secret", "ID=FILE", func(text string) error {
		id, file, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("want ID=FILE")
		}
		sources = append(sources, secretsprovider.Source{ID: id, FilePath: file})
		return nil
	})
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	if err := build(context.Background(), flag.Arg(0), flag.Arg(1), sources); err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, socket, directory string, sources []secretsprovider.Source) error {
	c, err := client.New(ctx, "", client.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return upgrade(ctx, socket) }))
	if err != nil {
		return err
	}
	defer c.Close()
	files, err := fsutil.NewFS(directory)
	if err != nil {
		return err
	}
	store, err := secretsprovider.NewStore(sources)
	if err != nil {
		return err
	}
	options := client.SolveOpt{
		Frontend:      "dockerfile.v0",
		FrontendAttrs: map[string]string{"no-cache": ""},
		LocalMounts:   map[string]fsutil.FS{"context": files, "dockerfile": files},
		Session:       []session.Attachable{secretsprovider.NewSecretProvider(store)},
	}
	progress := make(chan *client.SolveStatus)
	failed := make(chan error, 1)
	go func() {
		_, err := c.Solve(ctx, nil, options, progress)
		failed <- err
	}()
	display, err := progressui.NewDisplay(os.Stderr, progressui.PlainMode)
	if err != nil {
		return err
	}
	_, _ = display.UpdateFrom(ctx, progress)
	return <-failed
}

// upgrade opens a connection to BuildKit.
func upgrade(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprint(conn, "POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("POST /grpc: %s", response.Status)
	}
	return &early{conn, r}, nil
}

type early struct {
	net.Conn
	r *bufio.Reader
}

func (c *early) Read(p []byte) (int, error) { return c.r.Read(p) }
