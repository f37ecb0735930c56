package main

import (
	"fmt"
	"slices"
)

// series is one figure of each round.
type series []float64

func (l series) sorted() series { return slices.Sorted(slices.Values(l)) }

func (l series) median() float64 {
	if len(l) == 0 {
		return 0
	}
	s := l.sorted()
	if len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[len(s)/2]
}

// String says median (least … most, n).
func (l series) String() string {
	if len(l) == 0 {
		return "-"
	}
	s := l.sorted()
	return fmt.Sprintf("%s (%s … %s, n=%d)", short(l.median()), short(s[0]), short(s[len(s)-1]), len(l))
}

// short prints a number with three digits that count.
func short(v float64) string {
	switch {
	case v >= 1_000_000:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1000:
		return fmt.Sprintf("%.1fk", v/1e3)
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// ratios divides round by round, so that what slows a whole round down does not count.
func ratios(a, b series) series {
	var all series
	for i := range min(len(a), len(b)) {
		if b[i] > 0 {
			all = append(all, a[i]/b[i])
		}
	}
	return all
}

func rates(laps []lap) series {
	var all series
	for _, l := range laps {
		all = append(all, l.rate)
	}
	return all
}

func costs(laps []lap) series {
	var all series
	for _, l := range laps {
		if l.cpu > 0 { // some are only timed
			all = append(all, l.cpu/1000)
		}
	}
	return all
}

// table prints each runner's rate and cost, and both beside those of the control.
func (b *bench) table(unit, control string, names []string, laps map[string][]lap) {
	fmt.Fprintf(b.out, "  %-36s %-34s %8s  %-30s %8s\n", "", unit+"/s", "ratio", "CPU µs each", "ratio")
	for _, name := range names {
		rate, cost := rates(laps[name]), costs(laps[name])
		fmt.Fprintf(b.out, "  %-36s %-34s %8.2f  %-30s %8.2f\n", name, rate, ratios(rate, rates(laps[control])).median(),
			cost, ratios(cost, costs(laps[control])).median())
	}
	b.control(control, rates(laps[control]))
}

// control says whether a run counts: its control must not vary by more than a tenth.
func (b *bench) control(name string, l series) {
	m := l.median()
	for _, v := range l {
		if v < 0.9*m || v > 1.1*m {
			fmt.Fprintf(b.out, "  VOID: %s varied by more than 10 %% of its median: %s; measure again on a quieter machine\n", name, l)
			return
		}
	}
	fmt.Fprintf(b.out, "  the run counts: %s stayed within 10 %% of its median\n", name)
}

// row prints a line of docs/FIGURES.md without date and machine.
func (b *bench) row(figure, target, measured, command string) {
	fmt.Fprintf(b.out, "  | %s | %s | %s | … | … | `%s` |\n", figure, target, measured, command)
}
