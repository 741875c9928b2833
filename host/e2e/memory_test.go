package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-gateway/sluice/filters"
)

// An image passes in by import and by load, and out by save, behind every bundled filter, and the gateway needs at no time more than 4 MiB on top
// of what it needs for a small one. With the build tag long it is an image of 2 GB.
func TestLargeImagesPassInFlatMemory(t *testing.T) {
	size := int64(200 << 20)
	if isLong {
		size = 2 << 30
	}
	var chain strings.Builder
	for _, f := range filters.Catalog() {
		if f.Optional {
			continue
		}
		fmt.Fprintf(&chain, "\n  - {name: %s, module: {filter:%s}, config: %s}", f.Name, f.Name, f.Config)
	}
	g := prepareGateway(t, engine(t), chain.String()+"\n")
	g.binary = plainSluice(t)
	g.listeners = certificates(t).listener()
	g.configure(t, engine(t), chain.String()+"\n")
	g.run(t)
	overTLS, err := g.awaitAddress()
	if err != nil {
		t.Fatal(err)
	}
	for _, way := range []door{{"unix", g.address}, {"tls", overTLS}} {
		t.Run(way.name, func(t *testing.T) {
			d := newDocker(t, clis(t)[0], way.address)
			p := passage{d, client(way.address)}
			p.through(8 << 20) // a gateway that has just started has given all back, and not run much of its code yet
			before := g.restartPeak(t)
			p.through(size)
			after := g.peak(t)
			t.Logf("three times %d MiB passed: resident before %d KiB, at most %d KiB meanwhile", size>>20, before, after)
			if after > before+4<<10 {
				t.Errorf("the gateway's memory grew from %d KiB to %d KiB", before, after)
			}
		})
	}
}

// plainSluice is a sluice without the race detector, which keeps memory of its own for all that is used.
func plainSluice(t testing.TB) string {
	t.Helper()
	if !raceEnabled || os.Getenv("SLUICE_E2E_BINARY") != "" {
		return sluice(t)
	}
	binary, err := buildPlain()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

var buildPlain = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(scratch, "sluice-plain")
	build := exec.Command("go", "build", "-o", binary, "./cmd/sluice")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cmd/sluice: %w\n%s", err, out)
	}
	return binary, nil
})

// restartPeak makes the kernel forget how much memory the gateway had, and returns what it has, in KiB.
func (g *gateway) restartPeak(t testing.TB) int {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", g.process.Process.Pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
	return g.peak(t)
}

// peak is the most memory that the gateway has had, in KiB.
func (g *gateway) peak(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	var peak int
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &peak); err != nil {
		t.Fatal(err)
	}
	return peak
}

// A passage takes images through a gateway.
type passage struct {
	*docker
	http *http.Client
}

// through imports an image of a size, and loads it while it saves it.
func (p passage) through(size int64) {
	p.Helper()
	tag := fmt.Sprintf("%s:%d", p.name, size)
	imported := p.send(http.MethodPost, fmt.Sprintf("/images/create?fromSrc=-&repo=%s&tag=%d", p.name, size), noiseArchive(size))
	p.answer(imported, "sha256:")
	saved := p.send(http.MethodGet, "/images/"+tag+"/get", nil)
	counted := &countingReader{r: saved.Body}
	p.answer(p.send(http.MethodPost, "/images/load", counted), "Loaded image: "+tag)
	_ = saved.Body.Close()
	if counted.n < size {
		p.Errorf("save gave %d bytes of an image of %d", counted.n, size)
	}
	p.prepare("rmi", "-f", tag)
}

func (p passage) send(method, target string, body io.Reader) *http.Response {
	p.Helper()
	// Two gigabytes may take longer than the tests' patience.
	request, err := http.NewRequestWithContext(context.WithoutCancel(p.Context()), method, "http://docker/v1.41"+target, body)
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-tar")
	response, err := p.http.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		p.Fatalf("%s %s: %s %s", method, target, response.Status, text)
	}
	return response
}

// answer reads a whole answer, which has to contain part.
func (p passage) answer(response *http.Response, part string) {
	p.Helper()
	text, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !bytes.Contains(text, []byte(part)) {
		p.Fatalf("%s %s, %v; want %q in it", response.Status, text, err, part)
	}
}

// noiseArchive is a tar archive of one file that is made up while it is read, and that no engine can compress.
func noiseArchive(size int64) io.Reader {
	head := tarOf("large", "")[:512]
	copy(head[124:136], fmt.Sprintf("%011o\x00", size))
	copy(head[148:156], "        ")
	sum := 0
	for _, b := range head {
		sum += int(b)
	}
	copy(head[148:156], fmt.Sprintf("%06o\x00 ", sum))
	padded := (size + 511) / 512 * 512
	return io.MultiReader(bytes.NewReader(head), io.LimitReader(rand.NewChaCha8([32]byte{1}), size), bytes.NewReader(make([]byte, padded-size+1024)))
}

type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
