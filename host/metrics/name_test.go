package metrics

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// envoyTags are written as Envoy's stats_tags: those of the Go SDK's example, which
// has a part that is taken out and a part of that which is the value, and one of one
// group.
var envoyTags = []Tag{
	{"value", regexp.MustCompile(`(_value=([a-zA-Z]+))`)},
	{"reporter", regexp.MustCompile(`(_reporter=([a-zA-Z]+))`)},
	{"zone", regexp.MustCompile(`\.zone\.([a-z]+)`)},
	{"no-group", regexp.MustCompile(`x+`)},
}

func TestNamesBecomeSeries(t *testing.T) {
	for text, want := range map[string]string{
		"requests":                    `requests`,
		"requests_total":              `requests_total`,
		"http.requests-5xx":           `http_requests_5xx`,
		"5xx":                         `_5xx`,
		"":                            `_`,
		"ns:requests":                 `ns:requests`,
		"grün":                        `gr__n`,
		"bad\xffutf8":                 `bad_utf8`,
		`requests{}`:                  `requests`,
		`requests{method="GET"}`:      `requests{method="GET"}`,
		`r{ b="2" , a="1", }`:         `r{a="1",b="2"}`,
		`r{a="\"{},=\n"}`:             `r{a="\"{},=\n"}`,
		`r{a="1",a="2"}`:              `r{a="2"}`,
		`r{filter="x",le="1",__a=""}`: `r{exported_a="",exported_filter="x",exported_le="1"}`,
		`r{a-b="1"}`:                  `r{a_b="1"}`,
		"r{a=\"\xff\"}":               `r{a="_"}`,
		`r{a="\xff"}`:                 `r{a="_"}`,
		// What is not written rightly is a part of the name.
		`r{a=1}`:     `r_a_1_`,
		`r{a="1"`:    `r_a__1_`,
		`r{a="1";}`:  `r_a__1___`,
		`r{="1"}`:    `r___1__`,
		"r{a=`1`}":   `r_a__1__`,
		`r{a="1"}_s`: `r_a__1___s`,

		"custom_header_value_counts_value=foo_reporter=wasmgosdk": `custom_header_value_counts{reporter="wasmgosdk",value="foo"}`,
		"upstream.zone.east.requests":                             `upstream_zone__requests{zone="east"}`,
		`r_value=foo{value="bar"}`:                                `r{value="foo"}`,
	} {
		name, labels := parseName(text, envoyTags)
		got := name
		if len(labels) > 0 {
			var pairs []string
			for _, l := range labels {
				pairs = append(pairs, fmt.Sprintf("%s=%q", l.name, l.value))
			}
			got += "{" + strings.Join(pairs, ",") + "}"
		}
		if got != want {
			t.Errorf("%q becomes %s, want %s", text, got, want)
		}
	}
}

func TestLabelsAreBounded(t *testing.T) {
	var labels []string
	for i := range maxLabels + 1 {
		labels = append(labels, fmt.Sprintf(`l%d="x"`, i))
	}
	if _, got := parseName("r{"+strings.Join(labels[:maxLabels], ",")+"}", nil); len(got) != maxLabels {
		t.Errorf("%d labels, want %d", len(got), maxLabels)
	}
	if _, got := parseName("r{"+strings.Join(labels, ",")+"}", nil); len(got) != 0 {
		t.Errorf("%d labels of one too many", len(got))
	}
}

var (
	validName  = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)
	validLabel = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
)

// Whatever a filter calls its metrics, Prometheus takes it.
func FuzzNames(f *testing.F) {
	f.Add(`requests{method="GET"}`)
	f.Add("custom_value=foo_reporter=x")
	f.Add("r{a=\"\\xff\"}")
	f.Fuzz(func(t *testing.T, text string) {
		name, labels := parseName(text, envoyTags)
		if !validName.MatchString(name) {
			t.Fatalf("%q becomes the name %q", text, name)
		}
		if len(labels) > maxLabels {
			t.Fatalf("%d labels", len(labels))
		}
		seen := map[string]bool{"filter": true, "tenant": true, "le": true, "quantile": true}
		for _, l := range labels {
			if !validLabel.MatchString(l.name) || strings.HasPrefix(l.name, "__") || seen[l.name] || !utf8.ValidString(l.value) {
				t.Fatalf("%q becomes the label %q=%q", text, l.name, l.value)
			}
			seen[l.name] = true
		}
		again, _ := parseName(name, nil)
		if again != name {
			t.Fatalf("%q becomes %q, and that %q", text, name, again)
		}
	})
}
