package contract

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

func itoa(n int) string { return strconv.Itoa(n) }

func patternError(err error) error {
	if err == nil {
		return fmt.Errorf("it has more than %d characters", maxPattern)
	}
	return err
}

// violation says what is wrong with a scalar value given as canonical text, "" if it obeys s.
func (s *Schema) violation(value string) string {
	switch s.Type {
	case "integer", "number":
		return s.numberViolation(value)
	case "string":
		return s.textViolation(value)
	}
	return ""
}

func (s *Schema) numberViolation(value string) string {
	switch {
	case s.Minimum != nil && lessNumber(value, *s.Minimum, s.Type):
		return "is below minimum " + *s.Minimum
	case s.Maximum != nil && lessNumber(*s.Maximum, value, s.Type):
		return "is above maximum " + *s.Maximum
	}
	return ""
}

// lessNumber compares canonical numbers.
func lessNumber(a, b, schemaType string) bool {
	if schemaType == "integer" {
		x, _ := strconv.ParseInt(a, 10, 64)
		y, _ := strconv.ParseInt(b, 10, 64)
		return x < y
	}
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return x < y
}

func (s *Schema) textViolation(value string) string {
	n := utf8.RuneCountInString(value)
	switch {
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, value):
		return "is none of the enum's values"
	case s.MinLength != nil && n < *s.MinLength:
		return fmt.Sprintf("has %d characters, minLength is %d", n, *s.MinLength)
	case s.MaxLength != nil && n > *s.MaxLength:
		return fmt.Sprintf("has %d characters, maxLength is %d", n, *s.MaxLength)
	case s.Format != "" && !hasFormat(value, s.Format):
		return "does not have the format " + s.Format
	case s.Pattern != "" && !matches(s.Pattern, value):
		return "does not match the pattern"
	}
	return ""
}

func matches(pattern, value string) bool {
	re, err := regexp.Compile(pattern)
	return err == nil && re.MatchString(value)
}

// hasFormat agrees with what generated code checks at run time.
func hasFormat(value, format string) bool {
	var err error
	switch format {
	case "uuid":
		return uuidPattern.MatchString(value)
	case "uri":
		var u *url.URL
		u, err = url.Parse(value)
		return err == nil && u.Scheme != "" && (u.Host != "" || u.Opaque != "" || u.Path != "")
	case "email":
		var a *mail.Address
		a, err = mail.ParseAddress(value)
		return err == nil && a.Address == value
	case "date-time":
		_, err = time.Parse(time.RFC3339, value)
	case "date":
		_, err = time.Parse(time.DateOnly, value)
	case "duration":
		_, err = time.ParseDuration(value)
	}
	return err == nil
}

// mayBeEmpty tells whether a string property can hold "".
func (s *Schema) mayBeEmpty() bool {
	return s.Format == "" && len(s.Enum) == 0 && s.MinLength == nil && (s.Pattern == "" || matches(s.Pattern, ""))
}
