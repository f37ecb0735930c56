package engine

import (
	"fmt"
	"testing"
)

func TestLanes(t *testing.T) {
	t.Parallel()
	item := func(record, state, idempotency string) Item {
		return Item{Record: Record{Key: record}, StateKey: state, IdempotencyKey: idempotency}
	}
	for name, test := range map[string]struct {
		items []Item
		want  []int
	}{
		"nothing in common": {[]Item{item("a", "", "1"), item("b", "", "2")}, []int{0, 1}},
		"record's key":      {[]Item{item("a", "", "1"), item("b", "", "2"), item("a", "", "3")}, []int{0, 1, 0}},
		"empty key":         {[]Item{item("", "", "1"), item("", "", "2")}, []int{0, 0}},
		"state":             {[]Item{item("a", "s", "1"), item("b", "s", "2"), item("c", "t", "3")}, []int{0, 0, 2}},
		"idempotency key":   {[]Item{item("a", "", "1"), item("b", "", "1")}, []int{0, 0}},
		"kinds differ":      {[]Item{item("a", "b", "c"), item("b", "c", "a")}, []int{0, 1}},
		"joined by a third": {[]Item{item("a", "s", "1"), item("b", "t", "2"), item("c", "", "3"), item("b", "s", "4")}, []int{0, 0, 2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Lanes(test.items); fmt.Sprint(got) != fmt.Sprint(test.want) {
				t.Errorf("lanes %v, want %v", got, test.want)
			}
		})
	}
}
