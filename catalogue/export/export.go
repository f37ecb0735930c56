// Package export renders what contracts say into formats that others read: JSON Schema, AsyncAPI and
// pages of Markdown. Its functions are pure and give the same bytes everywhere; nothing is written
// to disk here.
package export

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/omninode-ai/omninode/contract"
)

// File is one file of an export.
type File struct {
	Path string // with slashes, below the folder of the export
	Data []byte
}

// encode renders v as indented JSON. Only a value this package builds is encoded, so that an error
// is a mistake of this package.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the export: %w", err)
	}
	return b.Bytes(), nil
}

// chosen returns the contracts an export is about: one, or all of a fleet.
func chosen(f *contract.Fleet, only *contract.Contract) []*contract.Contract {
	if only != nil {
		return []*contract.Contract{only}
	}
	return f.Contracts
}
