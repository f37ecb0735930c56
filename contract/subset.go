package contract

import (
	"fmt"
	"slices"
)

// exceeds says which value of s another schema would refuse, "" if it provably takes them all.
// Named types are compared by name: the same type is the same schema.
func (s *Schema) exceeds(other *Schema) string {
	switch {
	case s.Ref != other.Ref || s.Type != other.Type:
		return fmt.Sprintf("is %s, the new one %s", s.word(), other.word())
	case s.Ref != nil:
		return ""
	case s.Type == "array":
		return s.listExceeds(other)
	case s.Type == "string":
		return s.textExceeds(other)
	case s.Type == "integer" || s.Type == "number":
		return s.numberExceeds(other)
	}
	return ""
}

// word names the type of a schema.
func (s *Schema) word() string {
	switch {
	case s.Ref != nil:
		return "of type " + s.Ref.Name
	case s.Type == "array":
		return "a list"
	case s.Type == "string":
		return "text"
	}
	return "of type " + s.Type
}

func (s *Schema) listExceeds(other *Schema) string {
	if s.Items == nil || other.Items == nil {
		return "" // reported where it is declared
	}
	if why := s.Items.exceeds(other.Items); why != "" {
		return "may have an item that " + why
	}
	return lengthExceeds(s.MinItems, s.MaxItems, other.MinItems, other.MaxItems, "minItems", "maxItems")
}

func lengthExceeds(low, high, otherLow, otherHigh *int, minimum, maximum string) string {
	switch {
	case otherLow != nil && (low == nil || *low < *otherLow):
		return fmt.Sprintf("may be shorter than the new %s %d", minimum, *otherLow)
	case otherHigh != nil && (high == nil || *high > *otherHigh):
		return fmt.Sprintf("may be longer than the new %s %d", maximum, *otherHigh)
	}
	return ""
}

func (s *Schema) textExceeds(other *Schema) string {
	if len(s.Enum) > 0 {
		for _, v := range s.Enum {
			if why := other.textViolation(v); why != "" {
				return fmt.Sprintf("may be %q, which %s", v, why)
			}
		}
		return ""
	}
	switch {
	case len(other.Enum) > 0:
		return "may be none of the new enum's values"
	case other.Format != "" && other.Format != s.Format:
		return "may lack the new format " + other.Format
	case other.Pattern != "" && other.Pattern != s.Pattern:
		return "may not match the new pattern"
	}
	low, high := s.lengths()
	return lengthExceeds(low, high, other.MinLength, other.MaxLength, "minLength", "maxLength")
}

// lengths returns the bounds of a text's length, with what its format says about them: a UUID has 36
// characters, and no format allows an empty text.
func (s *Schema) lengths() (low, high *int) {
	low, high = s.MinLength, s.MaxLength
	switch {
	case s.Format == "uuid":
		return new(36), new(36)
	case s.Format != "" && low == nil:
		low = new(1)
	}
	return low, high
}

func (s *Schema) numberExceeds(other *Schema) string {
	switch {
	case other.Minimum != nil && (s.Minimum == nil || lessNumber(*s.Minimum, *other.Minimum, s.Type)):
		return "may be below the new minimum " + *other.Minimum
	case other.Maximum != nil && (s.Maximum == nil || lessNumber(*other.Maximum, *s.Maximum, s.Type)):
		return "may be above the new maximum " + *other.Maximum
	}
	return ""
}

// replacement returns the version that has taken the place of m in the end, nil if none has.
func (m *Message) replacement() *Message {
	var last *Message
	for m.ReplacedBy != nil {
		last, m = m.ReplacedBy, m.ReplacedBy
	}
	return last
}

// withOlder returns messages together with all versions that they replaced.
func withOlder(list []*Message) []*Message {
	all := slices.Clone(list)
	for _, m := range list {
		all = append(all, m.Older()...)
	}
	return all
}

// Older returns the versions m replaced, the latest first: their records are handled as m.
func (m *Message) Older() []*Message {
	var list []*Message
	for m != nil && m.Upcast != nil {
		m = m.Upcast.From
		list = append(list, m)
	}
	return list
}
