package evolution

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Impact says what a change does to others: to nodes that send or consume, to records and rows that
// are there already, to who runs the node.
type Impact string

// The impacts.
const (
	None       Impact = "none"       // nobody can tell the difference
	Compatible Impact = "compatible" // something is new or behaves better
	Breaking   Impact = "breaking"   // something that worked does not
)

// Rise is the part of a semantic version that goes up.
type Rise int

// The rises, from nothing to most.
const (
	Unchanged Rise = iota
	Patch
	Minor
	Major
)

// String returns "none", "patch", "minor" or "major".
func (r Rise) String() string { return [...]string{"none", "patch", "minor", "major"}[r] }

// MarshalText implements encoding.TextMarshaler.
func (r Rise) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// verdict is what is to say about a change, whatever its place.
type verdict struct {
	Impact  Impact
	Rise    Rise
	InPlace bool   // breaks a version of a message under the same vN
	Why     string // what follows from the change
	Fix     string // how to do it without breaking; "" unless Breaking
}

// refuses is the verdict on what breaks a version of a message in place.
func refuses(why, fix string) verdict {
	return verdict{Impact: Breaking, Rise: Major, InPlace: true, Why: why, Fix: fix}
}

func breaks(why, fix string) verdict {
	return verdict{Impact: Breaking, Rise: Major, Why: why, Fix: fix}
}

// extends is the verdict on what gives others something they did not have, or alters what the node
// does with what it gets.
func extends(why string) verdict { return verdict{Impact: Compatible, Rise: Minor, Why: why} }

// adjusts is the verdict on what changes how the node runs, not what it does.
func adjusts(why string) verdict { return verdict{Impact: Compatible, Rise: Patch, Why: why} }

// explains is the verdict on documentation.
func explains() verdict { return verdict{Impact: None, Why: "documentation"} }

// under returns the rise that is asked of a version: below 1.0.0 nothing is promised yet, so that a
// minor rise may break.
func (r Rise) under(version string) Rise {
	if semver.Major("v"+version) != "v0" {
		return r
	}
	return [...]Rise{Unchanged, Patch, Patch, Minor}[r]
}

// risen returns the part of the version that went up and whether that is enough. A pre-release has
// not kept its promise yet: from 2.0.0-rc.1 to 2.0.0-rc.2 or 2.0.0 everything may change.
func risen(before, now string, needed Rise) (Rise, bool) {
	old, current := parts(before), parts(now)
	order := semver.Compare("v"+now, "v"+before)
	rose := Unchanged
	switch {
	case order <= 0:
		return Unchanged, order == 0 && needed == Unchanged
	case current[0] != old[0]:
		rose = Major
	case current[1] != old[1]:
		rose = Minor
	case current[2] != old[2]:
		rose = Patch
	}
	if semver.Prerelease("v"+before) != "" {
		rose = max(rose, promised(old))
	}
	return rose, rose >= needed
}

// promised returns which part of its core a pre-release raises.
func promised(core [3]int) Rise {
	switch {
	case core[2] > 0:
		return Patch
	case core[1] > 0:
		return Minor
	}
	return Major
}

func parts(version string) [3]int {
	core, _, _ := strings.Cut(version, "-")
	var p [3]int
	for i, s := range strings.SplitN(core, ".", 3) {
		p[i], _ = strconv.Atoi(s) // a contract's version holds its grammar
	}
	return p
}

// next returns the lowest release that rises enough.
func next(before string, needed Rise) string {
	p := parts(before)
	if semver.Prerelease("v"+before) != "" && promised(p) >= needed && needed != Unchanged {
		return fmt.Sprintf("%d.%d.%d", p[0], p[1], p[2])
	}
	switch needed {
	case Major:
		p = [3]int{p[0] + 1, 0, 0}
	case Minor:
		p = [3]int{p[0], p[1] + 1, 0}
	case Patch:
		p[2]++
	case Unchanged:
		return before
	}
	return fmt.Sprintf("%d.%d.%d", p[0], p[1], p[2])
}
