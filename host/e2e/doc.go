// Package e2e holds the end-to-end tests: the docker command line before a started sluice binary before a real Docker Engine. It has no code
// of its own.
//
// What the tests compare is written once as a scenario and played on the engine's socket itself and through the gateway, on a unix socket and on
// TCP with TLS and a client certificate; all must show the same standard output, standard error and exit code, once for each docker command
// line that the machine has. Docker's other clients (compose, the libraries for Go and Python, browsers' WebSockets) play theirs in the same way.
// The table in matrix_test.go says which test is for which row of the matrix that the project keeps.
//
// The engine is the one at $SLUICE_E2E_ENGINE (default unix:///var/run/docker.sock) with the image that .ci/dockerd imports. Without it
// the tests skip, unless SLUICE_E2E=required (as in CI) makes that a failure. $SLUICE_E2E_CLIS names the docker binaries to use, as a
// list like PATH; the default is every docker on PATH. $SLUICE_E2E_CLIENTS is the directory that .ci/clients prints, with the clients that
// Debian does not have. $SLUICE_E2E_NETNS is the network namespace of an engine that has one of its own, as a file. $SLUICE_E2E_BINARY is a
// sluice to test instead of one built from this tree.
package e2e
