package simulation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"

	"github.com/omninode-ai/omninode/onex/engine"
)

// visitKey is the key of a context in which a handler is called.
type visitKey struct{}

// visit is a call of a handler.
type visit struct {
	process *process
	call    engine.Call
	asked   int // requests so far
}

// Transport answers HTTP requests of handlers in place of a network: what one request with an
// Idempotency-Key is answered, every further one with that key is answered as well. One key of ten is refused
// with 402. A request that does not carry its handler's context fails.
type Transport struct{}

var _ http.RoundTripper = Transport{}

var errNoVisit = errors.New("the simulation answers only to requests that carry the context of their handler")

// RoundTrip implements http.RoundTripper.
func (Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	v, ok := r.Context().Value(visitKey{}).(*visit)
	if !ok {
		return nil, errNoVisit
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(io.LimitReader(r.Body, 1<<20))
		_ = r.Body.Close()
	}
	p := v.process
	v.asked++
	p.check.asked(v, r)
	p.note(func() string { return r.Method + " " + r.URL.Path + " " + r.Header.Get("Idempotency-Key") })
	switch p.d.fault(3) {
	case 1:
		p.hit("outside is unavailable")
		return reply(r, http.StatusServiceUnavailable, nil), nil
	case 2:
		p.hit("request does not arrive")
		return nil, errLost
	case 3:
		p.hit("reply from outside is lost")
		return nil, errLost
	}
	if refused(r) {
		return reply(r, http.StatusPaymentRequired, []byte(`{"reason":"refused"}`)), nil
	}
	if !json.Valid(body) || len(body) == 0 {
		body = []byte("{}")
	}
	return reply(r, http.StatusOK, body), nil
}

// refused decides by what a request is about.
func refused(r *http.Request) bool {
	h := fnv.New32a()
	_, _ = io.WriteString(h, r.Header.Get("Idempotency-Key"))
	return r.Method == http.MethodPost && h.Sum32()%10 == 0
}

func reply(r *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{"Content-Type": []string{"application/json"}}, Body: io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)), Request: r,
	}
}

// asked checks a request of a handler: that of the same call is made again with the same key, and no two
// inputs share one.
func (c *checker) asked(v *visit, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		return
	}
	a, call := c.of(v.process.node), v.call
	at := fmt.Sprintf("%s %d", call.Event.ID, v.asked)
	if before, known := a.outside[at]; known && before != key {
		c.fail(SameKey, "node %s repeats %s %s for event %s with key %q, which was %q", v.process.def.Name, r.Method, r.URL.Path, call.Event.ID, key, before)
	}
	a.outside[at] = key
	about := r.Method + " " + r.URL.Path + " " + key
	if user, known := a.users[about]; known && user != call.IdempotencyKey {
		c.fail(SameKey, "node %s uses key %q of %s %s for two inputs", v.process.def.Name, key, r.Method, r.URL.Path)
	}
	a.users[about] = call.IdempotencyKey
}
