// Package buildkit mediates the HTTP/2 connections that BuildKit opens through the Docker API: it ends each on both sides, and passes on
// one gRPC call after the other, each as a stream of its own through the filters.
//
//	client ── POST /grpc ────► Control, LLBBridge, …      ──► engine     the client calls
//	client ◄── FileSync, Secrets, SSH, Auth, … ── POST /session ── engine     the engine calls
//
// [ServeControl] and [ServeSession] begin where the engine has answered 101. Each is an HTTP/2 server for the side that calls and an HTTP/2
// client of the side that is called. A session inside of /grpc (Control/Session, as buildx opens one for a remote builder) is a
// connection in messages of bytes; it is unwrapped and mediated like the others.
//
// What a build asks for stands in the one message with which most calls begin. It is decoded (package message), shown to the filters as
// JSON, and what they leave of it is encoded anew and sent. Everything behind it, and the answers, are passed on as they come, with the
// flow control of HTTP/2 from one end to the other. Methods that are not listed in methods.go are refused by their name. Secrets
// and ssh agents are handed out only by grant of the configuration.
//
// A connection outlives configurations: each call is judged by the one that is served when the call begins.
package buildkit
