package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/event"
)

const codeNothingToLead = "ONEX_CLI_009_NOTHING_TO_LEAD"

func newNewCommand(a *app) *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "new NODE --kind compute|effect|reducer|orchestrator",
		Short: "add a node: a contract to edit and the code that follows from it",
		Long: "new writes a small contract that is valid as it is, checks it together with the other contracts and\n" +
			"generates its code. An orchestrator leads other nodes, so it needs one to be there.",
		Example: "  omninode new receipts --kind effect",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(kinds(), contract.Kind(kind)) {
				return usage(c, fmt.Errorf("--kind %q: compute, effect, reducer or orchestrator are known", kind))
			}
			return a.newNode(c, args[0], contract.Kind(kind))
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "compute, effect, reducer or orchestrator (required)")
	_ = c.MarkFlagRequired("kind")
	return c
}

func kinds() []contract.Kind {
	return []contract.Kind{contract.Compute, contract.Effect, contract.Reducer, contract.Orchestrator}
}

func (a *app) newNode(c *cobra.Command, node string, kind contract.Kind) error {
	if !event.ValidName(node) {
		return usage(c, fmt.Errorf("node %q: lower-case words joined by hyphens, at most %d characters", node, event.MaxNameLength))
	}
	m, err := findModule(a.nodes)
	if err != nil {
		return err
	}
	existing, err := a.contractFiles()
	if err != nil {
		return err
	}
	src, err := a.starter(node, kind, existing)
	if err != nil {
		return err
	}
	file := filepath.Join(a.nodes, node, contract.FileName)
	if _, err := os.Lstat(filepath.Dir(file)); err == nil {
		return mistake(codeExists, fmt.Errorf("%s exists already", filepath.Dir(file)), "choose another name, or remove it first")
	}
	if src, err = withModeline(m.Root, file, src); err != nil {
		return err
	}
	all := maps.Clone(existing)
	all[file] = src
	if err := a.refuseInvalid(all); err != nil {
		return err
	}
	if err := create(file, src); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, a.paint(a.stdout, green, "created"), file)
	if err := a.generate(c.Context(), nil, false); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "next:  edit %s, then: omninode generate\n", file)
	return nil
}

// withModeline puts the comment by which editors find the schema before a contract, if the module
// has the schema.
func withModeline(root, file string, src []byte) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(root, schemaFile)); err != nil {
		return src, nil //nolint:nilerr // without a schema there is nothing to find
	}
	line, err := modeline(root, file)
	return append(line, src...), err
}

// contractFiles reads the contracts of the fleet, by path; none if the folder does not exist yet.
func (a *app) contractFiles() (map[string][]byte, error) {
	files, err := filepath.Glob(filepath.Join(a.nodes, "*", contract.FileName))
	if err != nil {
		return nil, unreadable(a.nodes, err)
	}
	all := map[string][]byte{}
	for _, name := range files {
		if all[name], err = os.ReadFile(name); err != nil {
			return nil, unreadable(name, err)
		}
	}
	return all, nil
}

// refuseInvalid checks contracts before anything is written.
func (a *app) refuseInvalid(files map[string][]byte) error {
	_, err := contract.ParseFleet(files)
	if err == nil {
		return nil
	}
	ds, err := asDiagnostics(err)
	if err != nil {
		return err
	}
	a.printDiagnostics(a.stderr, ds)
	return mistake(codeInvalid, fmt.Errorf("%s; nothing was written", count(len(ds), "mistake")), "correct them, then run this again")
}

// starter renders the contract a new node begins with.
func (a *app) starter(node string, kind contract.Kind, existing map[string][]byte) ([]byte, error) {
	data := struct{ Node, Receiver, Send, Success string }{Node: node}
	if kind == contract.Orchestrator {
		m, answers := leadable(existing)
		if m == nil {
			return nil, mistake(codeNothingToLead, fmt.Errorf("%s holds no node that an orchestrator could lead", a.nodes),
				"omninode new worker --kind effect, then run this again")
		}
		data.Receiver, data.Send, data.Success = m.Ref.Node, m.Ref.String(), strings.Join(answers, ", ")
	}
	t, err := template.New("").Option("missingkey=error").ParseFS(starter, "starter/*.tmpl")
	if err != nil {
		return nil, fmt.Errorf("parse starters: %w", err)
	}
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, string(kind)+".yaml.tmpl", data); err != nil {
		return nil, fmt.Errorf("render starter: %w", err)
	}
	return b.Bytes(), nil
}

// leadable returns a command of the fleet that is answered by events, and those answers.
func leadable(files map[string][]byte) (*contract.Message, []string) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		c, ds := contract.Parse(name, files[name])
		if len(ds) > 0 {
			continue
		}
		for _, h := range c.Handles {
			if h.Input.Class != event.Command || len(h.Emits) == 0 {
				continue
			}
			var answers []string
			for _, m := range h.Emits {
				answers = append(answers, m.Ref.String())
			}
			return h.Input, answers
		}
	}
	return nil, nil
}
