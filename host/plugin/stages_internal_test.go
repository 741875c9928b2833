package plugin

import "testing"

// SDKs export every callback: what has to be asked for is not called for that.
func TestTrailersAndConnectionsHaveToBeAskedFor(t *testing.T) {
	for name, c := range map[string]struct{ configured, hint, want Stages }{
		"nobody says anything":         {0, 0, HTTPStages},
		"the guest asks for trailers":  {0, RequestBody | RequestTrailers, RequestBody | RequestTrailers},
		"the configuration does":       {RequestBody | ResponseTrailers, 0, RequestBody | ResponseTrailers},
		"the configuration limits it":  {HTTPStages, RequestBody | RequestTrailers, RequestBody},
		"the guest wants no trailers":  {AllStages, HTTPStages, HTTPStages},
		"the guest asks for data only": {0, UpstreamData, UpstreamData | Connection},
	} {
		p := &Plugin{exports: AllStages, options: Options{Stages: c.configured}}
		if c.configured != 0 {
			p.exports &= c.configured
		}
		if got := p.called(c.hint); got != c.want {
			t.Errorf("%s: called at %s, want %s", name, got, c.want)
		}
	}
}
