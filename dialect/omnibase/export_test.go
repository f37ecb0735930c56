package omnibase

// Translate is Import without its own proof, for a proof by somebody else.
func Translate(name string, data []byte) map[string][]byte {
	_, res := translate(map[string][]byte{name: data})
	return res.Contracts
}
