package payment

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/config"
)

const (
	requestTimeout = 30 * time.Second // above the handler's own, which ends first
	maxReply       = 64 << 10
	maxReason      = 200 // characters, as the contract allows
)

// httpGateway talks to a card gateway over HTTP. Every request can be repeated safely: the gateway
// recognises it by its idempotency key.
type httpGateway struct {
	base   *url.URL
	token  config.Secret
	client *http.Client
}

func newHTTPGateway(base string, token config.Secret) (*httpGateway, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, fmt.Errorf("parse gateway_url: %w", err)
	}
	return &httpGateway{base: u, token: token, client: &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// charge is what the gateway is asked and answers.
type charge struct {
	Card        string `json:"card,omitempty"`
	AmountCents int64  `json:"amount_cents"`
	Reason      string `json:"reason,omitempty"` // of a decline
}

// Charge implements Gateway.
func (g *httpGateway) Charge(ctx context.Context, key, card string, amountCents int64) error {
	_, err := g.post(ctx, g.base.JoinPath("charges"), key, &charge{Card: card, AmountCents: amountCents})
	return err
}

// Refund implements Gateway. Nothing can be given back of a declined charge.
func (g *httpGateway) Refund(ctx context.Context, key string) (int64, error) {
	c, err := g.post(ctx, g.base.JoinPath("charges", url.PathEscape(key), "refund"), key, nil)
	if _, declined := errors.AsType[*DeclinedError](err); declined {
		err = onex.Permanent(err)
	}
	return c.AmountCents, err
}

// Check implements Gateway. Any answer is one of a gateway that is there, but for those that say it is
// in trouble itself.
func (g *httpGateway) Check(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, g.base.String(), nil)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	resp, err := g.client.Do(req)
	if err != nil {
		return fmt.Errorf("reach gateway: %w", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode >= http.StatusInternalServerError {
		return fmt.Errorf("gateway answered %s", resp.Status)
	}
	return nil
}

// post sends one request. Errors of the network and of the gateway's side may pass and are worth
// another attempt; what the gateway refuses is permanent.
func (g *httpGateway) post(ctx context.Context, u *url.URL, key string, body *charge) (charge, error) {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return charge{}, onex.Permanent(fmt.Errorf("encode charge: %w", err))
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(text))
	if err != nil {
		return charge{}, onex.Permanent(fmt.Errorf("build request: %w", err))
	}
	req.Header.Set("Authorization", "Bearer "+g.token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := g.client.Do(req)
	if err != nil {
		return charge{}, fmt.Errorf("ask gateway: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return charge{}, fmt.Errorf("read reply of gateway: %w", err)
	}
	return judge(resp, reply)
}

// judge turns a reply into a charge or the kind of error its status stands for.
func judge(resp *http.Response, reply []byte) (charge, error) {
	var c charge
	readable := json.Unmarshal(reply, &c) == nil
	switch s := resp.StatusCode; {
	case s == http.StatusPaymentRequired:
		return charge{}, &DeclinedError{Reason: shorten(cmp.Or(c.Reason, "card declined"))}
	case s == http.StatusTooManyRequests, s == http.StatusRequestTimeout, s >= 500:
		return charge{}, later(resp.Header, fmt.Errorf("gateway answered %s", resp.Status))
	case s < 200, s >= 300:
		return charge{}, onex.Permanent(fmt.Errorf("gateway answered %s", resp.Status))
	case !readable:
		return charge{}, fmt.Errorf("gateway answered %s with what is not a charge", resp.Status)
	}
	return c, nil
}

// later honours the Retry-After header, if there is one in seconds.
func later(h http.Header, err error) error {
	seconds, parseErr := strconv.Atoi(h.Get("Retry-After"))
	if parseErr != nil || seconds <= 0 {
		return err
	}
	return onex.RetryAfter(time.Duration(seconds)*time.Second, err)
}

func shorten(s string) string {
	if r := []rune(s); len(r) > maxReason {
		return string(r[:maxReason])
	}
	return s
}
