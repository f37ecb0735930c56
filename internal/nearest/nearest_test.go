package nearest

import "testing"

func TestNearest(t *testing.T) {
	t.Parallel()
	keys := []string{"handles", "events", "emits", "retry", "idempotency_key", "halt_key", "id"}
	for name, want := range map[string]string{
		"handels": "handles", "handle": "handles", "event": "events", "emit": "emits", "rety": "retry",
		"idempotencykey": "idempotency_key", "halt": "halt_key", "di": "id", "colour": "", "": "", "xy": "",
		"idempotency-key": "idempotency_key",
	} {
		if got := Of(name, keys); got != want {
			t.Errorf("Of(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"a", "", 1},
		{"", "ab", 2},
		{"ab", "ba", 1},
		{"abcd", "acbd", 1},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3},
		{"same", "same", 0},
		{"emi", "emits", 1},
	} {
		if got := distance(tc.a, tc.b, 9); got != tc.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
	if got := distance("kitten", "sitting", 2); got != 2 {
		t.Errorf("distance beyond its limit = %d, want the limit", got)
	}
}
