package onex

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
	"github.com/omninode-ai/omninode/onex/event"
)

// level is a state and a payload.
type level int

func (level) Validate() error { return nil }

func decodeLevel(data []byte) (l level, err error) { return l, json.Unmarshal(data, &l) }

// tank is a reducer's handler with two guards, and a list of what was asked of them.
func tank() (handle engine.Handler, asked *[]string) {
	asked = &[]string{}
	above := func(name string, limit level) Guard[level, level] {
		return Guard[level, level]{Name: name, Holds: func(in Input[level], state level) bool {
			*asked = append(*asked, name+" "+in.From+">"+in.To)
			return state+in.Data > limit
		}}
	}
	return Reduce(decodeLevel, decodeLevel, func(_ context.Context, in Input[level], state level, _ *Emissions) (level, error) {
		*asked = append(*asked, "handler "+in.From+">"+in.To)
		return state + in.Data, nil
	}, above("overflows", 100), above("is_full", 90)), asked
}

// TestGuards: the first guard that holds picks the transition, the handler is told its states, and a
// refusal names the guards and calls no handler.
func TestGuards(t *testing.T) {
	t.Parallel()
	choices := []engine.Choice{{ID: 1, Guard: "overflows", To: "spilt"}, {ID: 2, Guard: "is_full", To: "full"}, {ID: 3, To: "half"}}
	for name, test := range map[string]struct {
		in      string
		choices []engine.Choice
		taken   int
		asked   string
		says    string
	}{
		"first":      {"60", choices, 1, "overflows open>spilt, handler open>spilt", ""},
		"second":     {"45", choices, 2, "overflows open>spilt, is_full open>full, handler open>full", ""},
		"neither":    {"5", choices, 3, "overflows open>spilt, is_full open>full, handler open>half", ""},
		"refused":    {"5", choices[:2], 0, "overflows open>spilt, is_full open>full", `tank/fill.v1 is not allowed in state "open" of key "k": refused by overflows, is_full`},
		"unknown":    {"5", []engine.Choice{{Guard: "is_new"}}, 0, "", "no guard is_new"},
		"no machine": {"5", nil, 0, "handler open>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handle, asked := tank()
			out := handle(t.Context(), engine.Call{
				Event: event.NewRoot("onex://test", wref("tank/fill.v1"), "k", []byte(test.in), time.Unix(0, 0)),
				State: []byte("50"), From: "open", Choices: test.choices,
			})
			if out.Choice != test.taken || strings.Join(*asked, ", ") != test.asked {
				t.Errorf("took %d after %q, want %d after %q", out.Choice, *asked, test.taken, test.asked)
			}
			if (out.Err == nil) != (test.says == "") || out.Err != nil && !strings.Contains(out.Err.Error(), test.says) {
				t.Errorf("error %v, want %q", out.Err, test.says)
			}
			if name == "refused" && !isClass(out.Err, engine.IllegalTransition) {
				t.Errorf("refusal has another class: %v", out.Err)
			}
		})
	}
}
