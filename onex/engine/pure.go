package engine

// PureInput is a fetched record of a node whose broker commits input and output together (compute).
type PureInput struct {
	Record

	// Refused says why the broker takes nothing of what the record gave rise to, for good; nil: it was
	// not refused. Refusals counts how often, since its dead letter may be refused as well.
	Refused  error
	Refusals int
}
