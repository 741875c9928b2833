// Command sluice is a gateway in front of the Docker Engine's socket. Every
// request and response passes through a chain of WebAssembly filters.
//
//	sluice serve --config sluice.yaml      serve until SIGINT or SIGTERM; SIGHUP reloads
//	sluice validate --config sluice.yaml   read, compile and start everything, serve nothing
//	sluice quickstart                      serve the bundled filters, to try them
//	sluice inspect MODULE                  what a module is, and whether it would be loaded
//	sluice inspect --gateway ADDRESS       what the filters of a running gateway have used
//	sluice sign --key K --version V M      sign a module
//	sluice token                           make a token for a client, and its digest
//	sluice version
//
// Exit codes: 0 all is well, 1 the answer is no or the start failed, 2 the
// command line is wrong, 3 the engine cannot be reached, 4 a module is not the
// one that was pinned or signed. Data goes to stdout, logs and problems go to
// stderr.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
