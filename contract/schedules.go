package contract

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/schedule"
)

// readSchedules reads what the node begins by the clock.
func (p *parser) readSchedules(it *item) {
	s := p.section(it, "schedules")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		if p.snakeName(e, "a schedule") {
			p.contract.Schedules = append(p.contract.Schedules, p.readSchedule(e))
		}
	}
	slices.SortFunc(p.contract.Schedules, func(a, b *Schedule) int { return cmp.Compare(a.Name, b.Name) })
}

func (p *parser) readSchedule(it *item) *Schedule {
	s := p.section(it, "schedule "+it.key)
	sc := &Schedule{Name: it.key, Pos: it.at}
	sc.Cron = p.cron(s.get("cron"))
	sc.Every = p.period(s.get("every"))
	sc.Send = p.message(s.get("send"), ticks())
	data := s.get("data")
	if sc.Send != nil && sc.Send.Data != nil {
		p.readTick(sc, it.at, data)
	}
	s.done()
	return sc
}

// cron reads a cron expression.
func (p *parser) cron(it *item) string {
	text, ok := p.text(it)
	if !ok {
		return ""
	}
	if _, err := schedule.Cron(text); err != nil {
		p.badValue(it, "write minute, hour, day of the month, month and day of the week, e.g. '0 3 * * *'", "%v", err)
	}
	return text
}

// period reads the time between two ticks.
func (p *parser) period(it *item) time.Duration {
	d, ok := p.duration(it)
	if !ok {
		return 0
	}
	if _, err := schedule.Every(d); err != nil {
		p.report(p.pos(it.node), ruleBadDuration, "write whole seconds, e.g. 30s or 1h", "%q is %s, which is no number of whole seconds", it.key, d)
	}
	return d
}

// readTick reads the payload of a schedule's command, whose key may be left to the tick.
func (p *parser) readTick(sc *Schedule, at Pos, data *item) {
	t, key, what := sc.Send.Data, sc.Send.Key, "the data of schedule "+sc.Name
	values := map[string]string{}
	if data == nil {
		p.requireValues(at, t, values, what, key)
	} else {
		at = data.at
		values = p.literals(data, t, what, key)
	}
	if _, fixed := values[key]; fixed {
		p.checkFixedKey(sc, at)
	} else {
		p.checkFilledKey(sc, at)
	}
	p.checkRepetition(sc, at, values)
	sc.Data = objectOf(values)
}

// checkFilledKey checks that what a tick fills the key with obeys the key's schema.
func (p *parser) checkFilledKey(sc *Schedule, at Pos) {
	prop := sc.Send.Data.property(sc.Send.Key)
	if prop == nil || prop.Schema == nil {
		return // reported where it is declared
	}
	stamp := schedule.Stamp(sc.Name, time.Date(2026, 1, 31, 3, 0, 0, 0, time.UTC), prop.Schema.Format == "uuid")
	if wrong := prop.Schema.violation(stamp); wrong != "" {
		p.report(at, ruleContradiction, "give "+prop.Name+" in data, or let the property be any text or a UUID",
			"each tick of schedule %q fills %s with text like %s, which %s", sc.Name, prop.Name, stamp, wrong)
	}
	p.checkNewKey(sc, at)
}

// checkNewKey checks that the machine takes the command in the state of a key that a tick has made up.
func (p *parser) checkNewKey(sc *Schedule, at Pos) {
	m := p.contract.Machine
	if m == nil || len(p.problems.kept) > 0 {
		return
	}
	if !slices.ContainsFunc(m.Transitions, func(t *Transition) bool { return t.Input == sc.Send && slices.Contains(t.From, m.Initial) }) {
		p.report(at, ruleContradiction, "give "+sc.Send.Key+" in data, or add a transition from "+m.Initial,
			"each tick of schedule %q is of a new key, in whose state %q %s is not allowed", sc.Name, m.Initial, p.local(sc.Send))
	}
}

// checkFixedKey refuses a key that is the same at every tick where only the first one would count.
func (p *parser) checkFixedKey(sc *Schedule, at Pos) {
	if w := p.contract.Workflow; w != nil && w.Start == sc.Send {
		p.report(at, ruleContradiction, "leave "+sc.Send.Key+" out, so that each tick starts an instance of its own",
			"every tick of schedule %q starts the same instance: all but the first would change nothing", sc.Name)
	}
}

// checkRepetition refuses a constant idempotency key, by which all ticks but the first are repetitions.
func (p *parser) checkRepetition(sc *Schedule, at Pos, values map[string]string) {
	for _, h := range p.contract.Handles {
		if _, fixed := values[h.IdempotencyKey]; h.Input == sc.Send && fixed {
			fix := "handle it without idempotency_key"
			if h.IdempotencyKey == sc.Send.Key {
				fix = "leave " + h.IdempotencyKey + " out, so that each tick has its own"
			}
			p.report(at, ruleContradiction, fix, "every tick of schedule %q has the same %s, the idempotency_key of %s: all but the first would be repetitions",
				sc.Name, h.IdempotencyKey, p.local(sc.Send))
		}
	}
}

// objectOf returns the JSON object of values by name.
func objectOf(values map[string]string) []byte {
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	var b bytes.Buffer
	for i, name := range names {
		b.WriteString(strings.Repeat(",", min(i, 1)))
		b.Write(quote(name))
		b.WriteString(":" + values[name])
	}
	return []byte("{" + b.String() + "}")
}
