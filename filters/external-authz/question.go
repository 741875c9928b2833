package main

import (
	"encoding/base64"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// object writes a JSON object, member by member.
type object struct{ strings.Builder }

func (o *object) member(key, json string) {
	if o.Len() == 0 {
		o.WriteByte('{')
	} else {
		o.WriteByte(',')
	}
	o.WriteString(dockerjson.Quote(key))
	o.WriteByte(':')
	o.WriteString(json)
}

// text writes a string, unless it is empty.
func (o *object) text(key, value string) {
	if value != "" {
		o.member(key, dockerjson.Quote(value))
	}
}

func (o *object) end() string {
	if o.Len() == 0 {
		return "{}"
	}
	o.WriteByte('}')
	return o.String()
}

// opaQuestion is OPA's input document.
func opaQuestion(r *sluice.Request) []byte {
	var resource, peer, input, question object
	resource.text("kind", r.ResourceKind())
	resource.text("id", r.ResourceID())
	property := func(o *object, key string, path ...string) {
		value, _ := r.Property(path...)
		o.text(key, value)
	}
	property(&peer, "tenant", "peer", "tenant")
	property(&peer, "uid", "peer", "uid")
	property(&peer, "gid", "peer", "gid")
	property(&peer, "pid", "peer", "pid")
	property(&peer, "common_name", "peer", "certificate", "common_name")
	property(&peer, "spiffe", "peer", "certificate", "spiffe")
	property(&peer, "address", "source", "address")
	input.text("request_id", r.ID())
	input.text("method", r.Method())
	input.text("path", r.Path())
	input.text("operation", string(r.Operation()))
	input.text("api_version", r.APIVersion())
	input.member("resource", resource.end())
	input.member("peer", peer.end())
	if len(r.Body()) > 0 {
		r.JSON() // what is none denies here, and not as a question that nobody can read
		input.member("body", string(r.Body()))
	}
	question.member("input", input.end())
	return []byte(question.end())
}

// secret are the fields that no plugin is shown, as the engine has it.
var secret = []string{"authorization", "cookie", "proxy-authorization", "x-registry-auth", "x-registry-config"}

// pluginQuestion is what the engine sends to AuthZPlugin.AuthZReq.
func pluginQuestion(r *sluice.Request) []byte {
	var question, headers object
	if user, ok := r.Property("peer", "certificate", "common_name"); ok && user != "" {
		question.text("User", user)
		question.text("UserAuthNMethod", "TLS")
	} else if tenant, ok := r.Property("peer", "tenant"); ok {
		question.text("User", tenant)
		question.text("UserAuthNMethod", "sluice")
	}
	question.text("RequestMethod", r.Method())
	question.text("RequestUri", r.Path())
	if body := r.Body(); len(body) > 0 {
		question.text("RequestBody", base64.StdEncoding.EncodeToString(body))
	}
	var seen []string
next:
	for _, h := range r.Headers() {
		name := h[0]
		if name[0] == ':' {
			continue
		}
		for _, s := range append(seen, secret...) {
			if s == name {
				continue next
			}
		}
		seen = append(seen, name)
		headers.member(canonical(name), dockerjson.Quote(h[1]))
	}
	question.member("RequestHeaders", headers.end())
	return []byte(question.end())
}

// canonical spells a field's name as Go's servers do: Content-Type.
func canonical(name string) string {
	b := []byte(name)
	up := true
	for i, c := range b {
		if up && 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
		up = c == '-'
	}
	return string(b)
}
