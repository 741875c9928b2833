// Command redact-env is a filter that takes the values of environment variables out of what the engine tells about
// containers, images, services and tasks.
package main

import (
	"regexp"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

type config struct {
	names       []*regexp.Regexp
	replacement string
}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name:  "redact-env",
		Parse: parse,
		// Images are among them because docker commit writes a container's environment into one.
		Operations: []sluice.Operation{
			"ContainerInspect", "ImageInspect", "ServiceInspect", "ServiceList", "TaskInspect", "TaskList",
		},
		ResponseBody: redact,
	})
}

func parse(c *sluice.Config) config {
	cfg := config{names: c.Regexps("names", "", ""), replacement: c.String("replacement", "")}
	if len(cfg.names) == 0 {
		c.Problem("names", "needs at least one regular expression, or nothing would be redacted")
	}
	return cfg
}

// redact looks for lists called Env wherever they are: the engine repeats a specification in several places (PreviousSpec,
// ContainerConfig), and newer engines add more.
func redact(c *config, r *sluice.Response) sluice.Verdict {
	if r.Status() == 200 {
		for _, env := range r.JSON().Descendants("Env") {
			if env.Kind() == dockerjson.Array { // a label may be called Env too
				c.redactList(env)
			}
		}
	}
	return sluice.Allow()
}

func (c *config) redactList(env dockerjson.Value) {
	for _, variable := range env.Elements() {
		text := variable.Text()
		name, value, hasValue := strings.Cut(text, "=")
		if hasValue && value != c.replacement && c.matches(name) {
			variable.Replace(dockerjson.Quote(name + "=" + c.replacement))
		}
	}
}

func (c *config) matches(name string) bool {
	for _, re := range c.names {
		if re.MatchString(name) {
			return true
		}
	}
	return false
}

func main() {}
