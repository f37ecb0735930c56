package payment

import "context"

// Gateway is what the handler needs of gateway.
type Gateway interface {
	// List the methods the handler calls.
}

// wire builds what the handler requires.
func wire(_ context.Context, _ Config) (Requirements, error) {
	return Requirements{}, nil
}
