package host

import "github.com/sluice-gateway/sluice/host/dockerapi"

// canonicalHeader brings the request's fields into the one form that the
// filters and the engine get.
func (x *exchange) canonicalHeader() error {
	headers := dockerapi.Headers{Limits: x.gen.chain().JSON}
	for i := range x.request.Header {
		f := &x.request.Header[i]
		value, err := headers.Canonical(f.Key, f.Value)
		if err != nil {
			return err
		}
		f.Value = value
	}
	return nil
}
