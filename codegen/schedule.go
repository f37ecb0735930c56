package codegen

import (
	"encoding/json"
	"fmt"

	"github.com/omninode-ai/omninode/contract"
)

// tick is what the node sends by the clock.
type tick struct{ Name, Cron, Every, Send, Key, UUID, Data string }

// schedules models what the node begins by itself.
func (m *modeler) schedules() {
	for _, s := range m.c.Schedules {
		out := tick{Name: quote(s.Name), Every: duration(s.Every), Send: m.ref(s.Send), Key: quote(s.Send.Key), Data: quote(string(s.Data))}
		if s.Cron != "" {
			out.Cron = quote(s.Cron)
		}
		filled, err := m.fills(s)
		if err != nil {
			m.errs = append(m.errs, fmt.Errorf("schedule %s: %w", s.Name, err))
		}
		if filled {
			out.UUID = "true"
		}
		m.n.Schedules = append(m.n.Schedules, out)
	}
}

// fills reports whether each tick fills the key of a schedule's command with a UUID.
func (m *modeler) fills(s *contract.Schedule) (bool, error) {
	var data map[string]json.RawMessage
	if err := json.Unmarshal(s.Data, &data); err != nil {
		return false, fmt.Errorf("data: %w", err)
	}
	_, given := data[s.Send.Key]
	p := property(s.Send.Data, s.Send.Key)
	if p == nil {
		return false, fmt.Errorf("%s has no property %q", s.Send.Data.Name, s.Send.Key)
	}
	return !given && p.Schema.Format == "uuid", nil
}
