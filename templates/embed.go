// Package templates holds the text templates of generated code. The tree mirrors what it produces:
// node/types.gen.go.tmpl becomes nodes/<node>/types.gen.go. Templates take no decisions; codegen's
// model does.
//
// The package exists because go:embed cannot reach a parent directory.
package templates

import "embed"

// FS holds all templates.
//
//go:embed *.tmpl node fleet
var FS embed.FS
