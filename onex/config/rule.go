package config

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// TextRule says what is wrong with a text in the form "must be …", or "" if it fits. It must not
// put the text into its answer, which may be a secret.
type TextRule func(text string) string

// NumberRule is TextRule for numbers.
type NumberRule func(x float64) string

// Min demands x ≥ limit.
func Min(limit float64) NumberRule {
	return numberRule("must be at least "+number(limit), func(x float64) bool { return x >= limit })
}

// Max demands x ≤ limit.
func Max(limit float64) NumberRule {
	return numberRule("must be at most "+number(limit), func(x float64) bool { return x <= limit })
}

// OneOf demands one of the given texts.
func OneOf(allowed ...string) TextRule {
	return textRule("must be one of "+strings.Join(allowed, ", "), func(s string) bool { return slices.Contains(allowed, s) })
}

// Pattern demands a match of the regular expression (RE2), anywhere unless it is anchored. An
// expression that does not compile is reported as a violation.
func Pattern(expr string) TextRule {
	re, err := regexp.Compile(expr)
	if err != nil {
		return func(string) string { return "cannot be checked: " + err.Error() }
	}
	return textRule("must match "+expr, re.MatchString)
}

// MinLen demands at least n characters.
func MinLen(n int) TextRule {
	return textRule(fmt.Sprintf("must have at least %d characters", n), func(s string) bool { return utf8.RuneCountInString(s) >= n })
}

// MaxLen demands at most n characters.
func MaxLen(n int) TextRule {
	return textRule(fmt.Sprintf("must have at most %d characters", n), func(s string) bool { return utf8.RuneCountInString(s) <= n })
}

// URI demands an absolute URI.
func URI() TextRule {
	return textRule("must be an absolute URI such as https://host/path", func(s string) bool {
		u, err := url.Parse(s)
		return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
	})
}

// UUID demands a UUID in its canonical form.
func UUID() TextRule {
	re := regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	return textRule("must be a UUID", re.MatchString)
}

// Email demands a bare mail address.
func Email() TextRule {
	return textRule("must be a mail address", func(s string) bool {
		a, err := mail.ParseAddress(s)
		return err == nil && a.Address == s
	})
}

// DateTime demands an RFC 3339 time.
func DateTime() TextRule {
	return timeRule("must be a time such as 2026-01-31T08:00:00Z", time.RFC3339)
}

// Date demands an RFC 3339 full-date.
func Date() TextRule { return timeRule("must be a date such as 2026-01-31", time.DateOnly) }

func timeRule(want, layout string) TextRule {
	return textRule(want, func(s string) bool {
		_, err := time.Parse(layout, s)
		return err == nil
	})
}

func textRule(want string, fits func(string) bool) TextRule {
	return func(s string) string {
		if fits(s) {
			return ""
		}
		return want
	}
}

func numberRule(want string, fits func(float64) bool) NumberRule {
	return func(x float64) string {
		if fits(x) {
			return ""
		}
		return want
	}
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
