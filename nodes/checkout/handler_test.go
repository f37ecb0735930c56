package checkout

import "testing"

// testHandler returns the handler with fakes for what it requires; the generated behaviour test
// calls it.
func testHandler(t *testing.T) Handler {
	t.Helper()
	return newHandler(Config{}, Requirements{})
}
