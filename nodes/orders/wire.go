package orders

import "context"

// wire builds what the handler requires: nothing.
func wire(_ context.Context, _ Config) (Requirements, error) {
	return Requirements{}, nil
}
