package main

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/internal/editor"
)

const codeEditor = "ONEX_LSP_001_CONNECTION"

func newLSPCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lsp",
		Short: "serve the contract language to an editor, on standard input and output",
		Long: "lsp is a language server: while you type it shows what validate says, offers the fixes, explains keys,\n" +
			"completes keys and references and leads to what a reference names. Editors start it themselves;\n" +
			"docs/editors.md shows how.",
		Example: "  omninode lsp",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			err := editor.Serve(c.Context(), os.Stdin, unclosed{a.stdout}, version().Version)
			if err == nil || c.Context().Err() != nil {
				return c.Context().Err()
			}
			remedy := "let an editor start it; docs/editors.md shows how"
			if errors.Is(err, editor.ErrNoShutdown) {
				return mistake(codeEditor, err, remedy)
			}
			return lacking(codeEditor, err, remedy)
		},
	}
}

// unclosed is a stream that somebody else closes.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }
