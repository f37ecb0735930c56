package payment

import "context"

// Gateway is what the handler needs of a card gateway.
type Gateway interface {
	// Charge takes an amount from a card, at most once per key. A refusal is a *DeclinedError.
	Charge(ctx context.Context, key, card string, amountCents int64) error
	// Refund gives back what was charged under key, at most once, and returns how much it was.
	Refund(ctx context.Context, key string) (amountCents int64, err error)
	// Check reports whether the gateway can be reached.
	Check(ctx context.Context) error
}

// DeclinedError says that the gateway refused a card for good; no money moved.
type DeclinedError struct{ Reason string }

func (e *DeclinedError) Error() string { return "card declined: " + e.Reason }

// wire builds what the handler requires.
func wire(_ context.Context, cfg Config) (Requirements, error) {
	g, err := newHTTPGateway(cfg.GatewayURL, cfg.GatewayToken)
	return Requirements{Gateway: g}, err
}
