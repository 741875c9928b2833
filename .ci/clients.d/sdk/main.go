// Command sdk drives Docker's client library for Go as programs do that are built on it, and prints what it saw. The end-to-end tests run it
// on the engine's socket and through the gateway, found by DOCKER_HOST and its like, and compare.
//
//	sdk NAME IMAGE
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/docker/pkg/stdcopy"
)

type session struct {
	context.Context
	*client.Client
	name, image string
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	docker, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	s := &session{ctx, docker, os.Args[1], os.Args[2]}
	for _, part := range []struct {
		name string
		run  func() error
	}{
		{"attach", s.attach},
		{"exec", s.exec},
		{"terminal", s.terminal},
		{"logs", s.logs},
		{"events", s.events},
		{"copy", s.copy},
		{"errors", s.errors},
	} {
		fmt.Println("==", part.name)
		if err := part.run(); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", part.name, err)
			os.Exit(1)
		}
	}
}

func (s *session) create(suffix string, config container.Config) (id string, err error) {
	config.Image = s.image
	created, err := s.ContainerCreate(s, &config, &container.HostConfig{NetworkMode: "none"}, nil, nil, s.name+suffix)
	return created.ID, err
}

// attach starts a container between an attach and a wait that were asked for before, as `docker run -i` does.
func (s *session) attach() error {
	id, err := s.create("-attach", container.Config{Cmd: []string{"sh", "-c", "cat; echo done >&2; exit 4"}, OpenStdin: true, StdinOnce: true, AttachStdin: true})
	if err != nil {
		return err
	}
	hijacked, err := s.ContainerAttach(s, id, container.AttachOptions{Stream: true, Stdin: true, Stdout: true, Stderr: true})
	if err != nil {
		return err
	}
	defer hijacked.Close()
	waited, failed := s.ContainerWait(s, id, container.WaitConditionNextExit)
	if err := s.ContainerStart(s, id, container.StartOptions{}); err != nil {
		return err
	}
	if _, err := io.WriteString(hijacked.Conn, strings.Repeat("hello\n", 3)); err != nil {
		return err
	}
	if err := hijacked.CloseWrite(); err != nil {
		return err
	}
	if err := show(hijacked.Reader); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return err
	case end := <-waited:
		fmt.Println("exit", end.StatusCode)
	}
	return nil
}

// exec leaves its container running for the parts behind it.
func (s *session) exec() error {
	id, err := s.create("", container.Config{Cmd: []string{"sh", "-c", "echo up; exec sleep 600"}})
	if err != nil {
		return err
	}
	if err := s.ContainerStart(s, id, container.StartOptions{}); err != nil {
		return err
	}
	created, err := s.ContainerExecCreate(s, id, container.ExecOptions{Cmd: []string{"sh", "-c", "wc -c; exit 5"}, AttachStdin: true, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return err
	}
	hijacked, err := s.ContainerExecAttach(s, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return err
	}
	defer hijacked.Close()
	if _, err := hijacked.Conn.Write(make([]byte, 1<<20)); err != nil {
		return err
	}
	if err := hijacked.CloseWrite(); err != nil {
		return err
	}
	if err := show(hijacked.Reader); err != nil {
		return err
	}
	end, err := s.ContainerExecInspect(s, created.ID)
	fmt.Println("exit", end.ExitCode)
	return err
}

func (s *session) terminal() error {
	size := &[2]uint{33, 99}
	created, err := s.ContainerExecCreate(s, s.name, container.ExecOptions{
		Cmd: []string{"sh", "-c", "read line; echo got $line; stty size"}, Tty: true, ConsoleSize: size, AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return err
	}
	hijacked, err := s.ContainerExecAttach(s, created.ID, container.ExecAttachOptions{Tty: true, ConsoleSize: size})
	if err != nil {
		return err
	}
	defer hijacked.Close()
	if err := s.ContainerExecResize(s, created.ID, container.ResizeOptions{Height: size[0], Width: size[1]}); err != nil {
		return err
	}
	if _, err := io.WriteString(hijacked.Conn, "word\n"); err != nil {
		return err
	}
	text, err := io.ReadAll(hijacked.Reader)
	fmt.Printf("%q\n", text)
	return err
}

func (s *session) logs() error {
	logs, err := s.ContainerLogs(s, s.name, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: true})
	if err != nil {
		return err
	}
	defer logs.Close()
	// It is followed: the stream does not end, and its first frame is here all the same.
	frame := make([]byte, 8+len("up\n"))
	if _, err := io.ReadFull(logs, frame); err != nil {
		return err
	}
	return show(bytes.NewReader(frame))
}

func (s *session) events() error {
	ctx, cancel := context.WithCancel(s)
	defer cancel()
	messages, failed := s.Events(ctx, events.ListOptions{Filters: filters.NewArgs(filters.Arg("container", s.name), filters.Arg("event", "rename"))})
	if err := s.ContainerRename(s, s.name, s.name+"-renamed"); err != nil {
		return err
	}
	// The stream may have begun after the first of them.
	for i := 0; ; i++ {
		select {
		case err := <-failed:
			return err
		case message := <-messages:
			fmt.Println(message.Type, message.Action)
			return s.rename(s.name)
		case <-time.After(100 * time.Millisecond):
			if err := s.rename(fmt.Sprintf("%s-renamed-%d", s.name, i)); err != nil {
				return err
			}
		}
	}
}

// rename gives the session's container, whatever it is called now, another name.
func (s *session) rename(to string) error {
	list, err := s.ContainerList(s, container.ListOptions{Filters: filters.NewArgs(filters.Arg("name", "^/"+s.name+"(-renamed.*)?$"))})
	if err != nil {
		return err
	}
	if len(list) != 1 {
		return fmt.Errorf("%d containers are called %s", len(list), s.name)
	}
	return s.ContainerRename(s, list[0].ID, to)
}

func (s *session) copy() error {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	if err := w.WriteHeader(&tar.Header{Name: "file", Mode: 0o640, Size: int64(len(content))}); err != nil {
		return err
	}
	if _, err := w.Write(content); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := s.CopyToContainer(s, s.name, "/tmp", &archive, container.CopyToContainerOptions{}); err != nil {
		return err
	}
	back, stat, err := s.CopyFromContainer(s, s.name, "/tmp/file")
	if err != nil {
		return err
	}
	defer back.Close()
	fmt.Println(stat.Name, stat.Size, stat.Mode)
	r := tar.NewReader(back)
	entry, err := r.Next()
	if err != nil {
		return err
	}
	got, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	fmt.Println(entry.Name, bytes.Equal(got, content))
	return nil
}

func (s *session) errors() error {
	_, err := s.ContainerInspect(s, s.name+"-missing")
	fmt.Println(err)
	_, err = s.ContainerAttach(s, s.name+"-missing", container.AttachOptions{Stream: true, Stdout: true})
	fmt.Println(err)
	_, err = s.ContainerExecAttach(s, "missing", container.ExecAttachOptions{})
	fmt.Println(err)
	pull, err := s.ImagePull(s, "127.0.0.1:9/none:1", image.PullOptions{})
	if err == nil {
		_, err = io.Copy(io.Discard, pull)
		err = errors.Join(err, pull.Close())
	}
	fmt.Println("pull failed:", err != nil)
	return nil
}

// show prints both sides of a stream of frames.
func show(frames io.Reader) error {
	var stdout, stderr bytes.Buffer
	_, err := stdcopy.StdCopy(&stdout, &stderr, frames)
	fmt.Printf("out %q\nerr %q\n", &stdout, &stderr)
	return err
}
