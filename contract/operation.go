package contract

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Grammars and bounds of what a node needs to run.
const (
	cpuGrammar    = `^([1-9][0-9]{0,4}m|[1-9][0-9]?)$`
	memoryGrammar = `^[1-9][0-9]{0,5}(Mi|Gi)$`

	minCPU, maxCPU       = 10, 64_000 // thousandths of a core
	minMemory, maxMemory = 16 << 20, 256 << 30
	maxInstances         = 100
	minLoad, maxLoad     = 10, 95 // percent
	maxPartitions        = 1000
)

// readOperation reads what surrounds the handler while the node runs.
func (p *parser) readOperation(s *section) {
	p.readHealth(s.get("health"))
	p.readFlags(s.get("flags"))
	p.readResources(s.get("resources"))
	p.readScaling(s.get("scaling"))
}

func (p *parser) readHealth(it *item) {
	s := p.section(it, "health")
	p.nonEmpty(it, s)
	for _, e := range s.items {
		c := p.readCheck(e)
		if !slices.ContainsFunc(p.contract.Requires, func(r *Requirement) bool { return r.Name == e.key }) {
			p.report(e.at, ruleUnknownRequirement, p.orDeclare(e.key, p.requirements(), "declare it under requires"),
				"the node requires no %q that could be checked", e.key)
		}
		p.contract.Health = append(p.contract.Health, c)
	}
	slices.SortFunc(p.contract.Health, func(a, b *Check) int { return cmp.Compare(a.Requirement, b.Requirement) })
}

func (p *parser) requirements() []string {
	names := make([]string, 0, len(p.contract.Requires))
	for _, r := range p.contract.Requires {
		names = append(names, r.Name)
	}
	return names
}

func (p *parser) readCheck(it *item) *Check {
	c := &Check{Requirement: it.key, Timeout: DefaultCheckTimeout, Pos: it.at}
	s := p.section(it, "the check of "+it.key)
	every := s.get("every")
	c.Every, _ = p.duration(every)
	if d, ok := p.duration(s.get("timeout")); ok {
		c.Timeout = d
	}
	if c.Every > 0 && c.Timeout >= c.Every {
		p.report(every.at, ruleContradiction, "raise every or give a lower timeout", "a check every %s may take %s: checks would overlap", c.Every, c.Timeout)
	}
	s.done()
	return c
}

func (p *parser) readFlags(it *item) {
	s := p.section(it, "flags")
	p.nonEmpty(it, s)
	if len(s.items) > 0 {
		p.claim(scopeConfig, "Flags", "the flags", it.at)
	}
	for _, e := range s.items {
		if !p.snakeName(e, "a flag") {
			continue
		}
		p.claimSetting(&item{key: "flag_" + e.key, at: e.at}, "flag "+e.key)
		p.claim(scopeFlag, GoName(e.key), "flag "+e.key, e.at)
		p.contract.Flags = append(p.contract.Flags, p.readFlag(e))
	}
	slices.SortFunc(p.contract.Flags, func(a, b *Flag) int { return cmp.Compare(a.Key, b.Key) })
}

func (p *parser) readFlag(it *item) *Flag {
	s := p.section(it, "flag "+it.key)
	f := &Flag{Key: it.key, Pos: it.at}
	f.Default = p.boolean(s.get("default"))
	f.Description = p.description(s.get("description"))
	s.done()
	return f
}

func (p *parser) readResources(it *item) {
	if it == nil {
		return
	}
	s := p.section(it, "resources")
	r := &Resources{}
	r.CPU, r.Milli = p.cpu(s.get("cpu"))
	r.Memory, r.Bytes = p.memory(s.get("memory"))
	s.done()
	p.contract.Resources = r
}

// cpu reads cores, whole ones or thousandths.
func (p *parser) cpu(it *item) (string, int64) {
	text, ok := p.quantity(it, "write thousandths of a core or whole cores, e.g. 250m or 2")
	if !ok {
		return "", 0
	}
	milli, thousandths := strings.CutSuffix(text, "m")
	n, _ := strconv.ParseInt(milli, 10, 64)
	if !thousandths {
		n *= 1000
	}
	if n < minCPU || n > maxCPU {
		p.badValue(it, "choose from 10m to 64", "%q is %s, want %dm to %d", it.key, text, minCPU, maxCPU/1000)
	}
	return text, n
}

func (p *parser) memory(it *item) (string, int64) {
	text, ok := p.quantity(it, "write mebibytes or gibibytes, e.g. 64Mi or 2Gi")
	if !ok {
		return "", 0
	}
	digits, gibi := strings.CutSuffix(text, "Gi")
	n, _ := strconv.ParseInt(strings.TrimSuffix(digits, "Mi"), 10, 64)
	n <<= 20
	if gibi {
		n <<= 10
	}
	if n < minMemory || n > maxMemory {
		p.badValue(it, "choose from 16Mi to 256Gi", "%q is %s, want %dMi to %dGi", it.key, text, minMemory>>20, maxMemory>>30)
	}
	return text, n
}

// quantity reads a number that may have a unit.
func (p *parser) quantity(it *item, fix string) (string, bool) {
	if it == nil {
		return "", false
	}
	n := it.node
	if n.Kind != yaml.ScalarNode || !it.form.fits(n.Value) {
		p.badValue(it, fix, "%q is %.80q, which is no amount of %s", it.key, n.Value, it.form.Word)
		return "", false
	}
	return n.Value, true
}

func (p *parser) readScaling(it *item) {
	if it == nil {
		return
	}
	s := p.section(it, "scaling")
	sc := &Scaling{}
	low, lowOK := p.integer(s.get("min"))
	high, highOK := p.integer(s.get("max"))
	sc.Min, sc.Max = low, high
	if load := s.get("cpu"); load != nil {
		sc.CPU, _ = p.integer(load)
	}
	if lowOK && highOK {
		p.checkScaling(s, sc)
	}
	s.done()
	p.contract.Scaling, p.scalingAt = sc, s.at
}

func (p *parser) checkScaling(s *section, sc *Scaling) {
	load := s.index["cpu"]
	switch {
	case sc.Min > sc.Max:
		p.report(s.index["min"].at, ruleContradiction, "exchange them", "min (%d) is above max (%d)", sc.Min, sc.Max)
	case sc.Min < sc.Max:
		s.require("cpu")
	case load != nil:
		p.report(load.at, ruleContradiction, "remove it or raise max", "%q says when instances are added, but min is max", load.key)
	}
}

// checkScaling reports nodes of which some instances would never get work: each partition of an
// input belongs to one instance.
func (l *linker) checkScaling() {
	for _, p := range l.parsers {
		sc, most := p.contract.Scaling, 0
		for _, m := range p.contract.Inputs() {
			most = max(most, m.Partitions)
		}
		if sc != nil && sc.Max > most && most > 0 {
			p.report(p.scalingAt, ruleContradiction, "lower max, or give an input more partitions",
				"max is %d, but no input has more than %d partitions: %d would be idle", sc.Max, most, sc.Max-most)
		}
	}
}
