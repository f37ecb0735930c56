package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"github.com/omninode-ai/omninode/catalogue/export"
	"github.com/omninode-ai/omninode/contract"
)

// exporting says what to export and where to.
type exporting struct{ node, out string }

func newExportCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "write what the contracts say in formats that others read",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return usage(c, errors.New("export what?")) },
	}
	c.AddCommand(newExportAsyncAPICommand(a), newExportJSONSchemaCommand(a), newExportMarkdownCommand(a))
	return c
}

func (e *exporting) flags(c *cobra.Command, out string) {
	c.Flags().StringVar(&e.node, "node", "", "export this node only")
	c.Flags().StringVarP(&e.out, "out", "o", "", out)
}

func newExportAsyncAPICommand(a *app) *cobra.Command {
	var e exporting
	c := &cobra.Command{
		Use:     "asyncapi",
		Short:   "an AsyncAPI 3.0 document of the fleet, or of one node",
		Example: "  omninode export asyncapi -o asyncapi.yaml\n  omninode export asyncapi --node payment",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.exportAsyncAPI(e) },
	}
	e.flags(c, "write to this file instead of standard output; YAML if it ends in .yaml, else JSON")
	return c
}

func newExportJSONSchemaCommand(a *app) *cobra.Command {
	var e exporting
	c := &cobra.Command{
		Use:     "jsonschema -o DIR",
		Short:   "a JSON Schema (2020-12) for every version of every message",
		Example: "  omninode export jsonschema -o schemas",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.exportFiles(e, export.JSONSchemas)
		},
	}
	e.flags(c, "folder to write to (required)")
	_ = c.MarkFlagRequired("out")
	return c
}

func newExportMarkdownCommand(a *app) *cobra.Command {
	var e exporting
	c := &cobra.Command{
		Use:     "markdown -o DIR",
		Short:   "a catalogue to read: a page per node and an index",
		Example: "  omninode export markdown -o catalogue",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return a.exportFiles(e, export.Markdown)
		},
	}
	e.flags(c, "folder to write to (required)")
	_ = c.MarkFlagRequired("out")
	return c
}

// subject loads the fleet, and the contract of --node if it is given.
func (a *app) subject(node string) (*contract.Fleet, *contract.Contract, error) {
	f, err := a.fleet()
	if err != nil || node == "" {
		return f, nil, err
	}
	c, err := a.find(f, node)
	return f, c, err
}

func (a *app) exportAsyncAPI(e exporting) error {
	f, c, err := a.subject(e.node)
	if err != nil {
		return err
	}
	doc, err := export.AsyncAPI(f, c)
	if err != nil {
		return err
	}
	if slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(e.out)) {
		if doc, err = yaml.JSONToYAML(doc); err != nil {
			return fmt.Errorf("write the document as YAML: %w", err)
		}
	}
	return a.writeOut(e.out, doc)
}

// exportFiles writes a file per message or node into a folder. Files it does not write stay.
func (a *app) exportFiles(e exporting, render func(*contract.Fleet, *contract.Contract) ([]export.File, error)) error {
	f, c, err := a.subject(e.node)
	if err != nil {
		return err
	}
	files, err := render(f, c)
	if err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Join(e.out, filepath.FromSlash(file.Path))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return unwritable(filepath.Dir(name), err)
		}
		if err := os.WriteFile(name, file.Data, 0o644); err != nil {
			return unwritable(name, err)
		}
	}
	fmt.Fprintln(a.stderr, a.paint(a.stderr, green, "wrote"), count(len(files), "file"), "to", e.out)
	return nil
}

// writeOut writes to a file, or to standard output if it has no name.
func (a *app) writeOut(name string, data []byte) error {
	if name == "" {
		_, err := a.stdout.Write(data)
		return err
	}
	if err := os.WriteFile(name, data, 0o644); err != nil {
		return unwritable(name, err)
	}
	fmt.Fprintln(a.stderr, a.paint(a.stderr, green, "wrote"), name)
	return nil
}
