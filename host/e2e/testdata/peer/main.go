// Command peer asks a gateway on a unix socket what it knows of the one who asks, by the guest property:
//
//	peer SOCKET PROPERTY...
//
// It prints a line for each: its name, the status and what was answered. It is linked statically, to be run in any container.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func main() {
	client := &http.Client{Transport: &http.Transport{
		Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", os.Args[1]) },
	}}
	for _, property := range os.Args[2:] {
		request, err := http.NewRequest("GET", "http://docker/info", nil)
		if err != nil {
			fail(err)
		}
		request.Header.Set("X-Property", property)
		response, err := client.Do(request)
		if err != nil {
			fail(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			fail(err)
		}
		_ = response.Body.Close()
		fmt.Println(property, response.StatusCode, strings.TrimSpace(string(body)))
	}
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}
