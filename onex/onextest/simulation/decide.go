package simulation

import "math/rand/v2"

// decider makes every choice of a run and remembers it. The choice 0 is the one without a surprise: whoever
// ran goes on, and nothing goes wrong.
type decider struct {
	random *rand.Rand
	eager  int // of 100 steps, in how many somebody else goes on
	often  int // of 1,000 chances, how many faults happen

	script   []int
	scripted bool
	quiet    bool // nothing goes wrong any more

	made []int
}

// newDecider returns the decider of a seed. Seeds differ in how much they interleave and how much goes wrong.
func newDecider(seed uint64) *decider {
	r := rand.New(rand.NewPCG(seed, 0x6f6e6578))
	return &decider{random: r, eager: []int{10, 40, 90}[r.IntN(3)], often: []int{2, 8, 25}[r.IntN(3)]}
}

// pick chooses one of n that could go on.
func (d *decider) pick(n int) int {
	if n < 2 {
		return 0
	}
	return d.decide(n, func() int {
		if d.random.IntN(100) >= d.eager {
			return 0
		}
		return d.random.IntN(n)
	})
}

// size chooses a number from 1 to n.
func (d *decider) size(n int) int {
	return 1 + d.choose(n)
}

// fault chooses one of n faults, from 1, or mostly none.
func (d *decider) fault(n int) int {
	if d.quiet {
		return 0
	}
	return d.decide(n+1, func() int {
		if d.random.IntN(1000) >= d.often {
			return 0
		}
		return 1 + d.random.IntN(n)
	})
}

// choose chooses one of n, all alike.
func (d *decider) choose(n int) int {
	if n < 2 {
		return 0
	}
	return d.decide(n, func() int { return d.random.IntN(n) })
}

func (d *decider) decide(n int, draw func() int) int {
	choice := 0
	switch at := len(d.made); {
	case !d.scripted:
		choice = draw()
	case at < len(d.script):
		choice = d.script[at] % n
	}
	d.made = append(d.made, choice)
	return choice
}
