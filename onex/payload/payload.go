// Package payload reads and checks the JSON that travels between nodes. Generated types are plain
// structs; what their contracts demand of them is said with the functions of this package, so that
// generated code stays a list of demands.
//
// Reading is strict where encoding/json is lenient: names are compared exactly, and a required field
// that is absent or null is refused instead of read as a zero value. Unknown fields are ignored.
// Every violation names its place as a JSON path: "lines[2].quantity".
//
// The package imports nothing of this module and does no I/O.
package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Error is a violation of a payload's schema.
type Error struct {
	Path    string // JSON path from the root, e.g. "lines[2].quantity"; "" is the root itself
	Message string // what is wrong, e.g. "is required"
}

func (e *Error) Error() string {
	if e.Path == "" {
		return "payload " + e.Message
	}
	return e.Path + " " + e.Message
}

// Decode reads one JSON value with read and validates it. Generated decoders are calls of it.
func Decode[T interface{ Validate() error }](data []byte, read func(*Reader) T) (T, error) {
	var zero T
	r := Reader{data: data}
	v := read(&r)
	if err := r.end(); err != nil {
		return zero, err
	}
	if err := v.Validate(); err != nil {
		return zero, err
	}
	return v, nil
}

// Checker returns decode without its value: it only says whether data fits.
func Checker[T any](decode func([]byte) (T, error)) func(data []byte) error {
	return func(data []byte) error {
		_, err := decode(data)
		return err
	}
}

// Upcast returns what turns the JSON of an older payload, read and validated by decode, into that of
// a newer one.
func Upcast[Old, New any](decode func([]byte) (Old, error), upcast func(Old) New) func(data []byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		old, err := decode(data)
		if err != nil {
			return nil, err
		}
		return json.Marshal(upcast(old))
	}
}

// First returns the first of errs that is not nil.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// violation returns an *Error without a path; the caller that knows the place adds it with under.
func violation(format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...)}
}

// under puts path in front of err's path.
func under(path string, err error) error {
	e, ok := errors.AsType[*Error](err)
	switch {
	case !ok:
		return &Error{Path: path, Message: err.Error()}
	case e.Path == "":
		return &Error{Path: path, Message: e.Message}
	case strings.HasPrefix(e.Path, "["):
		return &Error{Path: path + e.Path, Message: e.Message}
	}
	return &Error{Path: path + "." + e.Path, Message: e.Message}
}
