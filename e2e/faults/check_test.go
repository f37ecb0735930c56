package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/roles"
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

func TestCheckIntervals(t *testing.T) {
	t.Parallel()
	records, _ := history()
	for i := range records {
		records[i].data.From, records[i].data.To = int64(10*i), int64(10*i+15) // beside the other key's
	}
	if err := checkIntervals(append(slices.Clone(records), records[2])); err != nil {
		t.Errorf("a good history with a resend: %v", err)
	}
	records[6].data.From -= 10
	if err := checkIntervals(records); !isViolation(err) {
		t.Errorf("two owners at once: %v", err)
	}
}

func TestLongestGap(t *testing.T) {
	t.Parallel()
	begin := time.Unix(100, 0)
	at := func(seconds ...int) (list []time.Time) {
		for _, s := range seconds {
			list = append(list, begin.Add(time.Duration(s)*time.Second))
		}
		return list
	}
	for name, test := range map[string]struct {
		moments []time.Time
		want    time.Duration
	}{
		"none":                {nil, 10 * time.Second},
		"in the middle":       {at(1, 2, 6, 8), 4 * time.Second},
		"at the begin":        {at(-3, 4, 6, 8), 4 * time.Second},
		"at the end":          {at(1, 3, 5), 5 * time.Second},
		"not what came after": {at(2, 4, 6, 9, 30), 3 * time.Second},
	} {
		if got := longestGap(test.moments, begin, begin.Add(10*time.Second)); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestStandstills(t *testing.T) {
	t.Parallel()
	begin := time.Unix(100, 0)
	at := func(seconds int) time.Time { return begin.Add(time.Duration(seconds) * time.Second) }
	records := []seen{{offset: 0, at: at(1)}, {offset: 1, at: at(2)}, {offset: 2, at: at(9)}, {partition: 1, offset: 0, at: at(1)}}
	history := []move{
		{topic: "x", after: 1, at: at(2)}, {topic: "x", before: 1, after: 2, at: at(5)}, // it stood still for 3 s
		{topic: "x", before: 2, after: 3, at: at(10)}, // there was nothing to do until 9
		{topic: "y", after: 1, at: at(50)}, {topic: "x", partition: 1, claim: true, at: at(40)}, {topic: "x", partition: 1, after: 1, at: at(8)},
	}
	got := standstills("x", history, records, begin, at(20))
	if got[0] != 3*time.Second || got[1] != 7*time.Second {
		t.Errorf("partitions stood still for %v, want 3s and 7s", got)
	}
}

func TestSlope(t *testing.T) {
	t.Parallel()
	var at []time.Duration
	var flat, grows []float64
	for i := range 1200 {
		at = append(at, time.Duration(i)*time.Second)
		noise := float64(i%7 - 3)
		flat, grows = append(flat, 100+noise), append(grows, 100+noise+float64(i)/300) // by 2 in ten minutes
	}
	tenMinutes := func(v []float64) float64 { return slope(at, v) * 100 * 600 }
	if got := tenMinutes(flat); got > 0.1 || got < -0.1 {
		t.Errorf("flat: %.2f %%", got)
	}
	if got := tenMinutes(grows); got < 1.8 || got > 2.2 {
		t.Errorf("grows: %.2f %%", got)
	}
}

// ends returns instances of each plan that ended as they should.
func flowHistory() (plans, ends map[string]string, done map[string]map[string]bool, order map[string]int) {
	plans, ends = map[string]string{}, map[string]string{}
	done, order = map[string]map[string]bool{}, map[string]int{}
	for i, plan := range []string{"", roles.RefuseCharge, roles.RefuseShip, roles.SilentBill} {
		key := fmt.Sprint("w", i)
		plans[key], ends[key] = plan, "failed"
		for _, c := range effects(plan) {
			done[key+"/"+c], order[key+"/"+c] = map[string]bool{"key": true}, len(order)
		}
	}
	ends["w0"] = "completed"
	return plans, ends, done, order
}

func TestCheckFlows(t *testing.T) {
	t.Parallel()
	plans, ends, done, order := flowHistory()
	if late, err := checkFlows(plans, ends, done, order); err != nil || late != 0 {
		t.Errorf("a good history: %d late, %v", late, err)
	}
	for name, spoil := range map[string]func(ends map[string]string, done map[string]map[string]bool, order map[string]int){
		"stuck":           func(ends map[string]string, _ map[string]map[string]bool, _ map[string]int) { delete(ends, "w0") },
		"ended otherwise": func(ends map[string]string, _ map[string]map[string]bool, _ map[string]int) { ends["w1"] = "completed" },
		"a step lost":     func(_ map[string]string, done map[string]map[string]bool, _ map[string]int) { delete(done, "w0/bill") },
		"an undo lost": func(_ map[string]string, done map[string]map[string]bool, _ map[string]int) {
			delete(done, "w2/refund")
		},
		"a step under 2 keys": func(_ map[string]string, done map[string]map[string]bool, _ map[string]int) {
			done["w3/ship"]["other"] = true
		},
		"undone for nothing": func(_ map[string]string, done map[string]map[string]bool, _ map[string]int) {
			done["w0/refund"] = map[string]bool{"key": true}
		},
		"two steps swapped": func(_ map[string]string, _ map[string]map[string]bool, order map[string]int) {
			order["w0/ship"], order["w0/label"] = order["w0/label"], order["w0/ship"]
		},
	} {
		plans, ends, done, order := flowHistory()
		spoil(ends, done, order)
		if _, err := checkFlows(plans, ends, done, order); !isViolation(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
