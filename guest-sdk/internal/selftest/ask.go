package main

import (
	"strconv"
	"time"

	sluice "github.com/sluice-gateway/sluice/guest-sdk"
)

// one is a question to the service "one", and two to another.
var (
	one = sluice.HTTPRequest{Upstream: "one", Path: "/?a=b", Headers: [][2]string{{"x-who", "selftest"}}, Timeout: time.Minute}
	two = sluice.HTTPRequest{Upstream: "two", Method: "PUT", Authority: "other", Body: []byte(`{"q":1}`)}
)

// ask asks in the request's headers stage.
func ask(c *config, r *sluice.Request) sluice.Verdict {
	switch c.ask {
	case "one":
		return r.Call(one, func(a *sluice.HTTPResponse) sluice.Verdict {
			if a.Status() != 200 {
				return sluice.Deny("one says " + strconv.Itoa(a.Status()) + " " + string(a.Body()))
			}
			kind, _ := a.Header("X-KIND")
			r.SetHeader("x-answer", kind+" "+a.JSON().Get("text").Text())
			return sluice.Allow()
		})
	case "both":
		return r.Calls([]sluice.HTTPRequest{one, two}, func(a []*sluice.HTTPResponse) sluice.Verdict {
			return sluice.Deny(string(a[0].Body()) + " and " + string(a[1].Body()))
		})
	case "one after the other":
		return r.Call(one, func(first *sluice.HTTPResponse) sluice.Verdict {
			return r.Call(two, func(second *sluice.HTTPResponse) sluice.Verdict {
				return sluice.Deny(string(first.Body()) + " then " + string(second.Body()) + strconv.Itoa(len(second.Headers())))
			})
		})
	case "without waiting":
		r.Call(one, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
		return sluice.Allow()
	case "and deny":
		r.Call(one, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
		return sluice.Deny("at once")
	case "two at a time":
		r.Call(one, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
		return r.Call(two, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
	case "without a verdict":
		return r.Call(one, func(*sluice.HTTPResponse) (v sluice.Verdict) { return v })
	case "somebody unknown":
		return r.Call(sluice.HTTPRequest{Upstream: "three"}, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
	case "nobody":
		return r.Calls(nil, func([]*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
	case "and allow a failure":
		request := one
		request.Failed = func(err error) sluice.Verdict {
			r.SetHeader("x-failure", err.Error())
			return sluice.Allow()
		}
		return r.Call(request, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Deny("there was an answer") })
	case "and misread":
		return r.Call(one, func(a *sluice.HTTPResponse) sluice.Verdict {
			a.JSON().Get("text").Bool()
			return sluice.Allow() // which does not count: it is no boolean
		})
	case "and fail":
		return r.Call(one, func(*sluice.HTTPResponse) sluice.Verdict {
			r.SetQuery("x", "y")
			r.Body()
			r.JSON() // this stage has none
			return sluice.Allow()
		})
	case "nobody to answer":
		r.Notify(one)
		r.Notify(sluice.HTTPRequest{Upstream: "three"})
	}
	return sluice.Allow()
}

func checkBody(c *config, r *sluice.Request) sluice.Verdict {
	if c.ask != "in the body" {
		return sluice.Allow()
	}
	r.JSON().Get("Image").Replace(`"before"`)
	return r.Call(one, func(a *sluice.HTTPResponse) sluice.Verdict {
		r.JSON().Get("Labels").Insert("answer", strconv.Quote(string(a.Body())))
		return sluice.Allow()
	})
}

func checkChunk(c *config, r *sluice.Request, _ bool) sluice.Verdict {
	if c.ask != "in a piece" {
		return sluice.Allow()
	}
	return r.Call(one, func(*sluice.HTTPResponse) sluice.Verdict { return sluice.Allow() })
}

func checkResponse(c *config, r *sluice.Response) sluice.Verdict {
	if c.ask != "in the response" {
		return sluice.Allow()
	}
	return r.Call(one, func(a *sluice.HTTPResponse) sluice.Verdict {
		r.SetHeader("x-answer", string(a.Body()))
		return sluice.Allow()
	})
}

func checkResponseBody(c *config, r *sluice.Response) sluice.Verdict {
	if c.ask != "in the response" {
		return sluice.Allow()
	}
	r.Notify(two)
	return r.Calls([]sluice.HTTPRequest{one}, func(a []*sluice.HTTPResponse) sluice.Verdict {
		r.SetBody(append(a[0].Body(), r.Body()...))
		return sluice.Allow()
	})
}

// checkRecord asks about the records that are marked so, and tells of each what it is.
func checkRecord(c *config, r *sluice.Record) sluice.Verdict {
	if c.ask != "in a record" || r.Kind() != sluice.JSONRecord || !r.JSON().Get("ask").IsSet() {
		return sluice.Allow()
	}
	r.JSON().Get("ask").Replace(`"before"`)
	return r.Call(one, func(a *sluice.HTTPResponse) sluice.Verdict {
		switch string(a.Body()) {
		case "drop":
			r.Drop()
		case "deny":
			return sluice.Deny("one says no to " + string(r.Kind()) + r.Stream())
		default:
			r.JSON().Insert("answer", strconv.Quote(string(a.Body())))
		}
		return sluice.Allow()
	})
}
