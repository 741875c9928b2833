// Command external-authz is a filter that asks another service whether a request may pass: an Open Policy Agent, or a server
// that speaks the protocol of Docker's authorization plugins.
package main

import (
	"strconv"
	"strings"
	"time"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

type config struct {
	upstream string
	path     string
	timeout  time.Duration
	sendBody bool
	docker   bool // the protocol of Docker's plugins, and not that of OPA
}

func init() {
	sluice.Register(sluice.Filter[config]{Name: "external-authz", Parse: parse, RequestHeaders: checkHeaders, RequestBody: checkBody})
}

func parse(c *sluice.Config) config {
	cfg := config{
		upstream: c.String("upstream", ""),
		timeout:  time.Duration(c.Int("timeout_ms", 0, 0, 600_000)) * time.Millisecond,
		sendBody: c.Bool("send_body", true),
		docker:   c.OneOf("protocol", "opa", "opa", "docker-plugin") == "docker-plugin",
	}
	if cfg.upstream == "" {
		c.Problem("upstream", "is missing: name the service to ask, as upstreams and callouts of the gateway's configuration do")
	}
	byDefault := "/v1/data/docker/authz"
	if cfg.docker {
		byDefault = "/AuthZPlugin.AuthZReq"
	}
	cfg.path = c.String("path", byDefault)
	if !strings.HasPrefix(cfg.path, "/") {
		c.Problem("path", "begins with /")
	}
	return cfg
}

// checkHeaders asks about requests whose body cannot be waited for, or is nobody's business.
func checkHeaders(c *config, r *sluice.Request) sluice.Verdict {
	if c.sendBody && r.Transport() == "unary" {
		return sluice.Allow() // checkBody asks
	}
	return ask(c, r)
}

func checkBody(c *config, r *sluice.Request) sluice.Verdict {
	if !c.sendBody {
		return sluice.Allow()
	}
	return ask(c, r)
}

func ask(c *config, r *sluice.Request) sluice.Verdict {
	request := sluice.HTTPRequest{
		Upstream: c.upstream, Method: "POST", Path: c.path, Timeout: c.timeout,
		Headers: [][2]string{{"content-type", "application/json"}, {"accept", "application/json"}, {"x-request-id", r.ID()}},
	}
	if c.docker {
		request.Headers[0][1], request.Headers[1][1] = pluginType, pluginType
		request.Body = pluginQuestion(r)
		return r.Call(request, pluginVerdict)
	}
	request.Body = opaQuestion(r)
	return r.Call(request, opaVerdict)
}

// opaVerdict reads {"result": true}, or {"result": {"allow": true, "reason": "…"}}.
func opaVerdict(a *sluice.HTTPResponse) sluice.Verdict {
	if a.Status() != 200 {
		return unclear("it answers with status " + strconv.Itoa(a.Status()))
	}
	result := a.JSON().Member("result")
	allow := result
	switch {
	case !result.IsSet():
		return unclear("its policy decides nothing: is the path right?")
	case result.Kind() == dockerjson.Object:
		allow = result.Member("allow")
	}
	if allow.Kind() == dockerjson.Bool && allow.Bool() {
		return sluice.Allow()
	}
	if result.Kind() == dockerjson.Object {
		if reason := result.Member("reason").Text(); reason != "" {
			return sluice.Deny(reason)
		}
	}
	return sluice.Deny("the policy does not allow it")
}

// pluginType is what Docker's plugins call their JSON.
const pluginType = "application/vnd.docker.plugins.v1.2+json"

// pluginVerdict reads {"Allow": true}, or {"Allow": false, "Msg": "…", "Err": "…"}.
func pluginVerdict(a *sluice.HTTPResponse) sluice.Verdict {
	if a.Status() != 200 {
		return unclear("it answers with status " + strconv.Itoa(a.Status()))
	}
	answer := a.JSON()
	problem := answer.Get("Err").Text()
	switch {
	case problem != "":
		return unclear("it says " + problem)
	case answer.Get("Allow").Bool():
		return sluice.Allow()
	}
	if reason := answer.Get("Msg").Text(); reason != "" {
		return sluice.Deny(reason)
	}
	return sluice.Deny("the authorization plugin does not allow it")
}

// unclear denies because the service did not decide.
func unclear(problem string) sluice.Verdict {
	return sluice.DenyWith(503, "the authorizer cannot decide: "+problem)
}

func main() {}
