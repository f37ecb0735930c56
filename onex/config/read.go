package config

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Reader turns resolved values into typed ones. It collects every violation, so that a person sees
// all of them at once; a value that violates a rule reads as zero. It is for one goroutine.
type Reader struct {
	values     *Values
	violations []Violation
}

// Read returns a Reader of v.
func Read(v *Values) *Reader { return &Reader{values: v} }

// Err returns an *InvalidError with everything that was wrong so far, or nil.
func (r *Reader) Err() error {
	if len(r.violations) == 0 {
		return nil
	}
	return &InvalidError{Node: r.values.node, Violations: slices.Clone(r.violations)}
}

// String reads a text.
func (r *Reader) String(key string, rules ...TextRule) string {
	v, ok := r.get(key)
	if ok && v.setting.Secret {
		r.violate(v, "is a secret and can only be read as one")
		return ""
	}
	if !ok || !r.checkText(v, rules) {
		return ""
	}
	return v.text.Reveal()
}

// Secret reads a text that prints redacted.
func (r *Reader) Secret(key string, rules ...TextRule) Secret {
	v, ok := r.get(key)
	if !ok || !r.checkText(v, rules) {
		return Secret{}
	}
	r.values.rules.keep(key, rules)
	return v.text
}

// Int reads a decimal integer.
func (r *Reader) Int(key string, rules ...NumberRule) int64 {
	return parsed(r, key, "an integer", func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) }, rules)
}

// Float reads a finite decimal number.
func (r *Reader) Float(key string, rules ...NumberRule) float64 {
	return parsed(r, key, "a number", parseFinite, rules)
}

// Bool reads true or false (also 1, t, 0, f).
func (r *Reader) Bool(key string) bool {
	return parsed[bool](r, key, "true or false", strconv.ParseBool, nil)
}

// Duration reads a Go duration such as 1m30s.
func (r *Reader) Duration(key string) time.Duration {
	return parsed[time.Duration](r, key, "a duration such as 1m30s", time.ParseDuration, nil)
}

func parseFinite(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err == nil && (math.IsInf(f, 0) || math.IsNaN(f)) {
		return 0, strconv.ErrRange
	}
	return f, err
}

// parsed reads key with parse and checks the rules; what says what the text must be.
func parsed[T any](r *Reader, key, what string, parse func(string) (T, error), rules []NumberRule) T {
	var zero T
	v, ok := r.get(key)
	if !ok {
		return zero
	}
	x, err := parse(v.text.Reveal())
	if err != nil {
		r.violate(v, "must be "+what+r.shown(v))
		return zero
	}
	for _, rule := range rules {
		if want := rule(toFloat(x)); want != "" {
			r.violate(v, want+r.shown(v))
			return zero
		}
	}
	return x
}

func toFloat(x any) float64 {
	switch x := x.(type) {
	case int64:
		return float64(x)
	case float64:
		return x
	}
	return math.NaN()
}

func (r *Reader) get(key string) (value, bool) {
	v, ok := r.values.values[key]
	if !ok {
		r.violations = append(r.violations, Violation{Key: key, Source: "nowhere", Message: "is not declared as a setting"})
	}
	return v, ok
}

func (r *Reader) checkText(v value, rules []TextRule) bool {
	for _, rule := range rules {
		if want := rule(v.text.Reveal()); want != "" {
			r.violate(v, want+r.shown(v))
			return false
		}
	}
	return true
}

func (r *Reader) violate(v value, message string) {
	r.violations = append(r.violations, Violation{
		Key: v.setting.Key, Env: v.setting.Env, Source: v.source, Message: message,
	})
}

// shown returns ", is <value>" for a message, or nothing for a secret.
func (r *Reader) shown(v value) string {
	if v.setting.Secret {
		return ""
	}
	return ", is " + strconv.Quote(v.display())
}
