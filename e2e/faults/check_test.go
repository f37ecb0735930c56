package main

import (
	"fmt"
	"slices"
	"testing"
)

// history returns records of two keys in order, and the ids they must have.
func history() (records []seen, want map[string][]string) {
	want = map[string][]string{}
	for i := range 12 {
		key, id := fmt.Sprint("k", i%2), fmt.Sprint("id", i)
		records = append(records, seen{key: key, id: id, offset: int64(i)})
		want[key] = append(want[key], id)
	}
	return records, want
}

// planted returns the history with one mistake of each kind.
func plantedHistories() map[string][]seen {
	drop, _ := history()
	swap, _ := history()
	swap[4], swap[6] = swap[6], swap[4]
	foreign, _ := history()
	foreign = append(foreign, seen{key: "k0", id: "of nobody"})
	other, _ := history()
	other = append(other, seen{key: "k7", id: "id0"})
	last, _ := history()
	return map[string][]seen{
		"one dropped": slices.Delete(drop, 5, 6), "the last dropped": last[:11], "two swapped": swap,
		"one too many": foreign, "a key too many": other,
	}
}

func TestCheckSequence(t *testing.T) {
	t.Parallel()
	good, want := history()
	if resent, err := checkSequence("x", append(good, good[3], good[9]), want); err != nil || resent != 2 {
		t.Errorf("a good history with two resends: %d, %v", resent, err)
	}
	for name, bad := range plantedHistories() {
		if _, err := checkSequence("x", bad, want); !isViolation(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckMirror(t *testing.T) {
	t.Parallel()
	in, _ := history()
	same := func(id string) string { return id }
	if err := checkMirror("x", in, in, same); err != nil {
		t.Errorf("a good history: %v", err)
	}
	histories := plantedHistories()
	delete(histories, "a key too many") // is another's input
	histories["one twice"] = append(slices.Clone(in), in[3])
	for name, bad := range histories {
		if err := checkMirror("x", in, bad, same); !isViolation(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckFence(t *testing.T) {
	t.Parallel()
	claim := func(by string, at int64) move {
		return move{topic: "t", claim: true, before: at, after: at, process: by}
	}
	commit := func(by string, from, to int64) move { return move{topic: "t", before: from, after: to, process: by} }
	good := []move{claim("1", 0), commit("1", 0, 5), claim("2", 5), commit("2", 5, 9), claim("2", 9)}
	if takeovers, err := checkFence(good); err != nil || takeovers != 1 {
		t.Errorf("a good history: %d, %v", takeovers, err)
	}
	for name, bad := range map[string][]move{
		"released by an old term": append(slices.Clone(good), commit("1", 9, 11)),
		"never claimed":           {commit("1", 0, 5)},
		"moved back":              append(slices.Clone(good), commit("2", 9, 6)),
	} {
		if _, err := checkFence(bad); !isViolation(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFoldNoticesEveryChange(t *testing.T) {
	t.Parallel()
	links := []link{{0, "a"}, {1, "b"}, {2, "c"}}
	whole := fold(links)
	for name, bad := range map[string][]link{
		"dropped": links[:2], "swapped": {links[1], links[0], links[2]}, "doubled": {links[0], links[0], links[1], links[2]},
	} {
		if fold(bad) == whole {
			t.Errorf("%s goes unnoticed", name)
		}
	}
}
