// Command build-guard is a filter that allows builds to begin with, and to make, only what is listed: their sources, frontends, caches and
// exporters.
package main

import (
	"slices"
	"strings"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
	"github.com/sluice-gateway/sluice/guest-sdk/dockerjson"
)

// config is what may be used. A nil list is one that was not given, and allows everything.
type config struct {
	sources, frontends, images, caches, exporters []string
	push                                          bool
}

var withBody = []sluice.Operation{"BuildkitSolve", "BuildkitFrontendSolve", "BuildkitResolve"}

func init() {
	sluice.Register(sluice.Filter[config]{
		Name:           "build-guard",
		Parse:          parse,
		Operations:     append(slices.Clone(withBody), "ImageBuild", "Grpc"),
		RequestHeaders: checkHead,
		RequestBody:    checkCall,
		RequestBodyFor: withBody,
	})
}

func parse(c *sluice.Config) config {
	list := func(key string) []string {
		if !c.Has(key) {
			return nil
		}
		return append([]string{}, c.Strings(key)...)
	}
	cfg := config{
		sources: list("sources"), frontends: list("frontends"), images: list("frontend_images"),
		caches: list("caches"), exporters: list("exporters"), push: c.Bool("push", true),
	}
	if cfg.sources == nil && cfg.frontends == nil && cfg.images == nil && cfg.caches == nil && cfg.exporters == nil && cfg.push {
		c.Problem("", "allows everything: give one of sources, frontends, frontend_images, caches, exporters, push")
	}
	return cfg
}

func checkHead(c *config, r *sluice.Request) sluice.Verdict {
	switch r.Operation() {
	case "Grpc":
		// A gateway that switches builds off says so itself, and better.
		if mode, _ := r.Property("docker", "buildkit"); mode != "mediated" && mode != "deny" {
			return sluice.Deny("builds cannot be looked into in the gateway's mode " + mode + " (buildkit.mode of the gateway)")
		}
	case "ImageBuild":
		if reason, err := c.build(r); err != nil {
			return sluice.DenyWith(400, reason+": "+err.Error())
		} else if reason != "" {
			return sluice.Deny("build: " + reason)
		}
	}
	return sluice.Allow()
}

// build checks what stands in the query of a build that does not go through gRPC.
func (c *config) build(r *sluice.Request) (reason string, err error) {
	remote, _ := r.Query("remote")
	if remote != "" && remote != "client-session" {
		if reason := c.source("remote", remote); reason != "" {
			return reason, nil
		}
	}
	if froms, _ := r.Query("cachefrom"); froms != "" && froms != "null" && froms != "[]" {
		if reason := c.cache("cachefrom", "registry"); reason != "" {
			return reason, nil
		}
	}
	if args, _ := r.Query("buildargs"); args != "" {
		doc, err := dockerjson.Parse([]byte(args))
		if err != nil {
			return "buildargs", err
		}
		if reason := c.frontendImage("buildargs BUILDKIT_SYNTAX", doc.Root().Member("BUILDKIT_SYNTAX").Text()); reason != "" {
			return reason, nil
		}
		if err := doc.Err(); err != nil {
			return "buildargs", err
		}
	}
	outputs, _ := r.Query("outputs")
	if outputs == "" {
		outputs = "[]"
	}
	doc, err := dockerjson.Parse([]byte(outputs))
	if err != nil {
		return "outputs", err
	}
	if doc.Root().Len() == 0 {
		// What such a build makes is an image of the engine's.
		return c.exporter("outputs", "moby", dockerjson.Value{}), doc.Err()
	}
	for _, o := range doc.Root().Elements() {
		if reason := c.exporter("outputs", o.Get("Type").Text(), o.Get("Attrs")); reason != "" {
			return reason, doc.Err()
		}
	}
	return "", doc.Err()
}

// checkCall checks the message of a gRPC call, whose keys have one spelling.
func checkCall(c *config, r *sluice.Request) sluice.Verdict {
	body := r.JSON()
	if field := r.UnknownField(); field != "" {
		return sluice.Deny("field " + field + ", which nobody here knows, is not allowed")
	}
	reason := c.vertices(body)
	if reason == "" {
		switch r.Operation() {
		case "BuildkitSolve":
			reason = c.solve(body)
		case "BuildkitFrontendSolve":
			reason = c.frontendSolve(body)
		case "BuildkitResolve":
			reason = c.resolve(body)
		}
	}
	if reason != "" {
		return sluice.Deny(reason)
	}
	return sluice.Allow()
}

func (c *config) solve(body dockerjson.Value) string {
	if reason := c.frontend(body.Member("Frontend").Text(), "FrontendAttrs", body.Member("FrontendAttrs")); reason != "" {
		return reason
	}
	if kind := body.Member("ExporterDeprecated").Text(); kind != "" {
		if reason := c.exporter("ExporterDeprecated", kind, body.Member("ExporterAttrsDeprecated")); reason != "" {
			return reason
		}
	}
	for _, e := range body.Member("Exporters").Elements() {
		if reason := c.exporter("Exporters", e.Member("Type").Text(), e.Member("Attrs")); reason != "" {
			return reason
		}
	}
	if body.Member("EnableSessionExporter").Bool() && (c.exporters != nil || !c.push) {
		return "EnableSessionExporter is not allowed: what such a build makes is said too late (exporters)"
	}
	cache := body.Member("Cache")
	if cache.Member("ExportRefDeprecated").Text() != "" || cache.Member("ImportRefsDeprecated").Len() > 0 {
		if reason := c.cache("Cache", "registry"); reason != "" {
			return reason
		}
	}
	if reason := c.cacheList("Cache.Exports", cache.Member("Exports")); reason != "" {
		return reason
	}
	if reason := c.cacheList("Cache.Imports", cache.Member("Imports")); reason != "" {
		return reason
	}
	return c.rules("SourcePolicy", body.Member("SourcePolicy"))
}

func (c *config) frontendSolve(body dockerjson.Value) string {
	if reason := c.frontend(body.Member("Frontend").Text(), "FrontendOpt", body.Member("FrontendOpt")); reason != "" {
		return reason
	}
	if body.Member("ImportCacheRefsDeprecated").Len() > 0 {
		if reason := c.cache("ImportCacheRefsDeprecated", "registry"); reason != "" {
			return reason
		}
	}
	if reason := c.cacheList("CacheImports", body.Member("CacheImports")); reason != "" {
		return reason
	}
	return c.allRules(body)
}

func (c *config) resolve(body dockerjson.Value) string {
	if ref := body.Member("Ref").Text(); ref != "" {
		if reason := c.source("Ref", "docker-image://"+ref); reason != "" {
			return reason
		}
	}
	if identifier := body.Member("Source").Member("identifier").Text(); identifier != "" {
		if reason := c.source("Source.identifier", identifier); reason != "" {
			return reason
		}
	}
	return c.allRules(body)
}

// vertices checks the steps that a client has made itself, wherever they stand.
func (c *config) vertices(body dockerjson.Value) string {
	if c.sources == nil {
		return ""
	}
	for _, def := range body.Descendants("def") {
		if def.Kind() != dockerjson.Array {
			continue
		}
		for _, vertex := range def.Elements() {
			if identifier := vertex.Member("op").Member("source").Member("identifier").Text(); identifier != "" {
				if reason := c.source("source", identifier); reason != "" {
					return reason
				}
			}
		}
	}
	return ""
}

// frontend checks who makes the steps out of a build's options, and what the options begin with.
func (c *config) frontend(name, field string, options dockerjson.Value) string {
	if name != "" && c.frontends != nil && !slices.Contains(c.frontends, name) {
		return "Frontend " + name + " is not allowed (frontends)"
	}
	for _, o := range options.Members() {
		reason := ""
		// A frontend under development is made from another source, or from the client's own files.
		if o.Key() == "gateway-devel" && (c.frontends != nil || c.images != nil) {
			return field + " gateway-devel is not allowed (frontends)"
		}
		switch key, value := o.Key(), o.Text(); {
		case key == "source", key == "build-arg:BUILDKIT_SYNTAX", key == "cmdline":
			// The frontend's image. cmdline is what follows "# syntax=": the image, and its arguments.
			image, _, _ := strings.Cut(strings.TrimSpace(value), " ")
			reason = c.frontendImage(field+" "+key, image)
		case key == "context" || strings.HasPrefix(key, "context:"):
			reason = c.context(field+" "+key, value)
		case key == "cache-from" && value != "":
			reason = c.cache(field+" "+key, "registry")
		case key == "cache-imports":
			// A list in JSON, in a text.
			list, err := dockerjson.Parse([]byte(value))
			switch {
			case err != nil:
				reason = field + " " + key + ": " + err.Error()
			default:
				if reason = c.cacheList(field+" "+key, list.Root()); reason == "" && list.Err() != nil {
					reason = field + " " + key + ": " + list.Err().Error()
				}
			}
		}
		if reason != "" {
			return reason
		}
	}
	return ""
}

func (c *config) frontendImage(field, image string) string {
	if image == "" || c.images == nil || matchesAny(c.images, image) {
		return ""
	}
	return field + " " + image + " is not allowed (frontend_images)"
}

// context checks what a build begins with instead of the client's files.
func (c *config) context(field, value string) string {
	kind, _, found := strings.Cut(value, ":")
	if value == "" || found && (kind == "local" || kind == "input" || kind == "target") {
		return ""
	}
	return c.source(field, value)
}

// source checks where a build takes something from. The client's own files are no source.
func (c *config) source(field, identifier string) string {
	if c.sources == nil || identifier == "" || strings.HasPrefix(identifier, "local://") {
		return ""
	}
	if !climbs(identifier) && matchesAny(c.sources, identifier) {
		return ""
	}
	return field + " " + identifier + " is not allowed (sources)"
}

// climbs tells whether a server could take an address for one of another folder than the one that it begins with.
func climbs(identifier string) bool {
	lower := strings.ToLower(identifier)
	return strings.Contains(lower, "/..") || strings.Contains(lower, "%2e") || strings.Contains(lower, "\\")
}

func (c *config) cache(field, kind string) string {
	if c.caches == nil || slices.Contains(c.caches, kind) {
		return ""
	}
	return field + ": a cache of type " + kind + " is not allowed (caches)"
}

func (c *config) cacheList(field string, list dockerjson.Value) string {
	for _, entry := range list.Elements() {
		kind := entry.Get("Type").Text()
		if kind == "" {
			kind = "registry"
		}
		if reason := c.cache(field, kind); reason != "" {
			return reason
		}
	}
	return ""
}

func (c *config) exporter(field, kind string, attrs dockerjson.Value) string {
	if c.exporters != nil && !slices.Contains(c.exporters, kind) {
		return field + " " + kind + " is not allowed (exporters)"
	}
	// Without a value it is a push.
	if push := attrs.Member("push"); !c.push && push.IsSet() && push.Text() != "false" {
		return field + " " + kind + ": to push the result is not allowed (push)"
	}
	return ""
}

// rules checks what a client's source policy puts in the place of a source.
func (c *config) rules(field string, policy dockerjson.Value) string {
	for _, rule := range policy.Member("rules").Elements() {
		if reason := c.source(field+" updates.identifier", rule.Member("updates").Member("identifier").Text()); reason != "" {
			return reason
		}
	}
	return ""
}

func (c *config) allRules(body dockerjson.Value) string {
	for _, policy := range body.Member("SourcePolicies").Elements() {
		if reason := c.rules("SourcePolicies", policy); reason != "" {
			return reason
		}
	}
	return ""
}

func matchesAny(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, s) })
}

// matches compares a text with a pattern in which * stands for any text.
func matches(pattern, s string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == s
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

func main() {}
