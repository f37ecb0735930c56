package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// TestTicks: a tick and its command are written together or not at all, and a tick that does not
// follow the last one is refused, whoever writes it.
func TestTicks(t *testing.T) {
	t.Parallel()
	_, roleURL := migrated(t)
	at := time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC)
	none, first, second := engine.Tick{}, engine.Tick{Spec: "every 1h0m0s", At: at}, engine.Tick{Spec: "every 1h0m0s", At: at.Add(time.Hour)}
	other := engine.Tick{Spec: "every 2h0m0s", At: at}
	send := func(value string) []engine.Outgoing {
		return []engine.Outgoing{{Topic: "t", Key: "k", Value: []byte(value)}}
	}
	broken := []engine.Outgoing{{Topic: "nul \x00 is no text", Key: "k", Value: []byte("lost")}}
	err := open(t, roleURL).Lead(t.Context(), func(ctx context.Context, q engine.Queue) error {
		for i, step := range []struct {
			last, next engine.Tick
			send       []engine.Outgoing
			want       error
		}{
			{none, first, nil, nil},
			{none, first, send("begun twice"), engine.ErrConflict},
			{other, second, send("of other times"), engine.ErrConflict},
			{second, second, send("of another tick"), engine.ErrConflict},
			{first, second, send("second"), nil},
			{first, second, send("second again"), engine.ErrConflict},
			{second, other, send("other times"), nil},
		} {
			if err := q.Tick(ctx, "hourly", step.last, step.next, step.send); !errors.Is(err, step.want) {
				return fmt.Errorf("step %d: %w, want %w", i, err, step.want)
			}
		}
		if err := q.Tick(ctx, "hourly", other, second, broken); err == nil {
			return errors.New("a record that is no text is accepted")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = open(t, roleURL).Lead(t.Context(), func(ctx context.Context, q engine.Queue) error {
		ticks, err := q.Ticks(ctx)
		if err != nil || len(ticks) != 1 || ticks["hourly"].Spec != other.Spec || !ticks["hourly"].At.Equal(other.At) {
			return fmt.Errorf("ticks %+v: %w", ticks, err)
		}
		queued, _, err := q.Next(ctx, engine.Except{}, 10)
		var values []string
		for _, r := range queued {
			values = append(values, string(r.Record.Value))
		}
		if got := strings.Join(values, ", "); got != "second, other times" {
			return fmt.Errorf("outbox holds %s: %w", got, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
