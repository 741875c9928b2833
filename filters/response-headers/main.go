// Command response-headers is a filter that changes the headers of every response.
package main

import (
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

type config struct {
	set, add []sluice.Pair
	remove   []string
}

func init() {
	sluice.Register(sluice.Filter[config]{Name: "response-headers", Parse: parse, ResponseHeaders: change})
}

func parse(c *sluice.Config) config {
	cfg := config{set: c.Map("set"), add: c.Map("add"), remove: c.Strings("remove")}
	for key, pairs := range map[string][]sluice.Pair{"set": cfg.set, "add": cfg.add} {
		for _, p := range pairs {
			checkName(c, key, p.Key)
			if strings.ContainsAny(p.Value, "\r\n\x00") {
				c.Problem(key, "the value of "+p.Key+" has a line break in it")
			}
		}
	}
	for _, name := range cfg.remove {
		checkName(c, "remove", name)
	}
	return cfg
}

// checkName refuses names that are none, and those that frame the message, which are the gateway's.
func checkName(c *sluice.Config, key, name string) {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
	lower := strings.ToLower(name)
	if lower == "" || strings.Trim(lower, token) != "" {
		c.Problem(key, `"`+name+`" is no header name`)
	}
	switch lower {
	case "connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade":
		c.Problem(key, name+" frames the message and is the gateway's own")
	}
}

// change removes first, so that a header can be removed and added anew.
func change(c *config, r *sluice.Response) sluice.Verdict {
	for _, name := range c.remove {
		r.RemoveHeader(name)
	}
	for _, p := range c.set {
		r.SetHeader(p.Key, p.Value)
	}
	for _, p := range c.add {
		r.AddHeader(p.Key, p.Value)
	}
	return sluice.Allow()
}

func main() {}
