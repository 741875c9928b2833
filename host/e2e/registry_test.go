//go:build linux

package e2e_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// The password of the registry's user. It must be in no log.
const registryPassword = "correct-horse-battery"

// A registry is an image registry on a port of this machine, which engines take for trustworthy, with a user and a password.
type registry struct {
	testing.TB
	host string

	mu        sync.Mutex
	blobs     map[string][]byte // by digest
	manifests map[string][]byte // by NAME:REFERENCE
	uploads   map[string][]byte
	users     map[string]bool // who has shown the password
}

func startRegistry(t testing.TB) *registry {
	t.Helper()
	r := &registry{TB: t, blobs: map[string][]byte{}, manifests: map[string][]byte{}, uploads: map[string][]byte{}, users: map[string]bool{}}
	listener, err := listenNearEngine()
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(r.serve)}}
	server.Start()
	t.Cleanup(server.Close)
	r.host = listener.Addr().String()
	return r
}

// listenNearEngine listens on a port of the loopback interface that the engine has: the machine's, or that of the network namespace at
// $SLUICE_E2E_NETNS.
func listenNearEngine() (net.Listener, error) {
	path := os.Getenv("SLUICE_E2E_NETNS")
	if path == "" {
		return net.Listen("tcp", "127.0.0.1:0")
	}
	namespace, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = namespace.Close() }()
	var listener net.Listener
	entered := make(chan error)
	go func() {
		// Never unlocked: the thread ends with this goroutine, so that nobody else gets into the namespace.
		runtime.LockOSThread()
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			entered <- fmt.Errorf("enter %s: %w", path, err)
			return
		}
		var err error
		listener, err = net.Listen("tcp", "127.0.0.1:0")
		entered <- err
	}()
	err = <-entered
	return listener, err
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

const (
	manifestType = "application/vnd.docker.distribution.manifest.v2+json"
	configType   = "application/vnd.docker.container.image.v1+json"
	layerType    = "application/vnd.docker.image.rootfs.diff.tar.gzip"
)

// add puts in an image of one file, whose layer is broken on the way if that is asked for.
func (r *registry) add(name, tag, content string, broken bool) {
	r.Helper()
	var layer, packed bytes.Buffer
	w := tar.NewWriter(&layer)
	_ = w.WriteHeader(&tar.Header{Name: "file", Mode: 0o644, Size: int64(len(content))})
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(layer.Bytes())
	_ = z.Close()
	config, _ := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": map[string]any{"Cmd": []string{"none"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{digestOf(layer.Bytes())}},
	})
	describe := func(kind string, content []byte) map[string]any {
		return map[string]any{"mediaType": kind, "size": len(content), "digest": digestOf(content)}
	}
	manifest, _ := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": manifestType, "config": describe(configType, config), "layers": []any{describe(layerType, packed.Bytes())},
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blobs[digestOf(config)] = config
	r.blobs[digestOf(packed.Bytes())] = packed.Bytes()
	if broken {
		r.blobs[digestOf(packed.Bytes())] = bytes.Repeat([]byte("x"), packed.Len())
	}
	r.manifests[name+":"+tag] = manifest
	r.manifests[name+":"+digestOf(manifest)] = manifest
}

// serve is the part of the distribution protocol that pull and push of small images need.
func (r *registry) serve(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	problem := func(status int, code string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"errors":[{"code":%q,"message":%q}]}`, code, strings.ToLower(code))
	}
	user, password, _ := request.BasicAuth()
	if user != "tester" || password != registryPassword {
		w.Header().Set("WWW-Authenticate", `Basic realm="registry of the tests"`)
		problem(http.StatusUnauthorized, "UNAUTHORIZED")
		return
	}
	r.users[user] = true
	rest, found := strings.CutPrefix(request.URL.Path, "/v2/")
	if !found {
		problem(http.StatusNotFound, "UNSUPPORTED")
		return
	}
	if rest == "" {
		return
	}
	for _, kind := range []string{"/manifests/", "/blobs/uploads/", "/blobs/"} {
		if name, reference, found := strings.Cut(rest, kind); found {
			body, err := io.ReadAll(request.Body)
			if err != nil {
				problem(http.StatusBadRequest, "BLOB_UPLOAD_INVALID")
				return
			}
			switch kind {
			case "/manifests/":
				r.manifest(w, request.Method, name, reference, body, problem)
			case "/blobs/":
				content, found := r.blobs[reference]
				if !found {
					problem(http.StatusNotFound, "BLOB_UNKNOWN")
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(content)))
				w.Header().Set("Docker-Content-Digest", reference)
				_, _ = w.Write(content)
			default:
				r.upload(w, request, name, reference, body, problem)
			}
			return
		}
	}
	problem(http.StatusNotFound, "UNSUPPORTED")
}

func (r *registry) manifest(w http.ResponseWriter, method, name, reference string, body []byte, problem func(int, string)) {
	if method == http.MethodPut {
		r.manifests[name+":"+reference] = body
		r.manifests[name+":"+digestOf(body)] = body
		w.Header().Set("Docker-Content-Digest", digestOf(body))
		w.WriteHeader(http.StatusCreated)
		return
	}
	content, found := r.manifests[name+":"+reference]
	if !found {
		problem(http.StatusNotFound, "MANIFEST_UNKNOWN")
		return
	}
	w.Header().Set("Content-Type", manifestType)
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Header().Set("Docker-Content-Digest", digestOf(content))
	_, _ = w.Write(content)
}

func (r *registry) upload(w http.ResponseWriter, request *http.Request, name, id string, body []byte, problem func(int, string)) {
	if request.Method == http.MethodPost {
		id = fmt.Sprint("u", len(r.uploads))
		r.uploads[id] = nil
	} else if _, found := r.uploads[id]; !found {
		problem(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN")
		return
	}
	r.uploads[id] = append(r.uploads[id], body...)
	w.Header().Set("Location", "/v2/"+name+"/blobs/uploads/"+id)
	w.Header().Set("Docker-Upload-UUID", id)
	w.Header().Set("Range", fmt.Sprintf("0-%d", max(0, len(r.uploads[id])-1)))
	if request.Method != http.MethodPut {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	digest := request.URL.Query().Get("digest")
	if digestOf(r.uploads[id]) != digest {
		problem(http.StatusBadRequest, "DIGEST_INVALID")
		return
	}
	r.blobs[digest] = r.uploads[id]
	w.Header().Set("Docker-Content-Digest", digest)
	w.WriteHeader(http.StatusCreated)
}

// Sizes are those of compressed layers, in which each side's name is. Progress is what an engine tells of a layer on its way, where it has time to.
var (
	progress = regexp.MustCompile(`(?m)^1\| [0-9a-f]{12}: (Preparing|Waiting|Pushing|Verifying Checksum|Download complete)\n`)
	sizes    = regexp.MustCompile(`size: \d+`)
)

// Credentials pass to the registry as they were given, and into no log; errors are told in the registry's words, those that come in the
// middle of a stream too, which has begun with 200.
func TestPullAndPush(t *testing.T) {
	same(t, func(d *docker) {
		r := startRegistry(d)
		// Each side has images of its own: what one has pulled the other must not find.
		repository := d.name + "/some/image"
		r.add(repository, "1", d.name, false)
		r.add(repository, "broken", d.name+" broken", true)
		tag := r.host + "/" + repository
		d.Cleanup(func() {
			direct := *d
			direct.address = engine(d)
			for _, t := range []string{":1", ":pushed"} {
				_ = direct.program(d.cli.path, "-H", direct.address, "rmi", "-f", tag+t).Run()
			}
		})
		show := func(result result, command string) result {
			d.Helper()
			told := strings.ReplaceAll(block("1", result.stdout)+block("2", result.stderr), r.host, "REGISTRY")
			told = progress.ReplaceAllString(sizes.ReplaceAllString(told, "size: N"), "")
			d.note("$ docker %s\n%sexit %d\n", command, told, result.code)
			return result
		}
		run := func(args ...string) result { return show(d.finish(d.command(args...), args), args[0]) }

		if r := run("pull", tag+":1"); r.code != 1 || !strings.Contains(r.stderr, "no basic auth credentials") && !strings.Contains(r.stderr, "unauthorized") {
			d.Errorf("pull without a password: exit %d, %q", r.code, r.stderr)
		}
		if r := show(d.finish(feeding(d, "wrong", "login", "-u", "tester", "--password-stdin", r.host), nil), "login"); r.code != 1 {
			d.Errorf("login with a wrong password: exit %d", r.code)
		}
		if r := show(d.finish(feeding(d, registryPassword, "login", "-u", "tester", "--password-stdin", r.host), nil), "login"); r.code != 0 {
			d.Fatalf("login: exit %d: %s", r.code, r.stderr)
		}
		if r := run("pull", tag+":missing"); r.code != 1 || !strings.Contains(r.stderr, "manifest unknown") && !strings.Contains(r.stderr, "not found") {
			d.Errorf("pull of a missing image: exit %d, %q", r.code, r.stderr)
		}
		if r := run("pull", tag+":broken"); r.code != 1 {
			d.Errorf("pull of a broken image: exit %d, %q", r.code, r.stdout)
		}
		if r := run("pull", tag+":1"); r.code != 0 {
			d.Fatalf("pull: exit %d: %s", r.code, r.stderr)
		}
		d.prepare("tag", tag+":1", tag+":pushed")
		if r := run("push", tag+":pushed"); r.code != 0 {
			d.Errorf("push: exit %d: %s", r.code, r.stderr)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.manifests[repository+":pushed"] == nil || !r.users["tester"] {
			d.Errorf("at %s: nothing was pushed", d.address)
		}
	})
	t.Cleanup(func() {
		unix, tls := sharedGateways(t)
		for _, g := range []*gateway{unix, tls} {
			// As it is, and how X-Registry-Auth begins, which is the document in base64.
			for _, secret := range []string{registryPassword, base64.URLEncoding.EncodeToString([]byte(`{"username":"tester"`))[:24]} {
				if log := g.log.String(); strings.Contains(log, secret) || !strings.Contains(log, "op=ImagePush") {
					t.Errorf("the gateway has logged the credentials, or no push:\n%s", log)
				}
			}
		}
	})
}
