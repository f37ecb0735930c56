package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
)

// schemaFile is where a module keeps the JSON Schema of the language for editors.
const schemaFile = "contract.schema.json"

func newSchemaCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the contract language, for editors",
		Long: "schema prints the language as a JSON Schema (2020-12): editors complete, explain and check a\n" +
			"contract with it while it is typed. init writes it into a new module; after an update of omninode\n" +
			"write it again.",
		Example: "  omninode schema > " + schemaFile,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			schema, err := contract.JSONSchema()
			if err != nil {
				return err
			}
			_, err = a.stdout.Write(schema)
			return err
		},
	}
}

// modeline is the comment by which editors find the schema of a contract below the root of a module.
func modeline(root, file string) ([]byte, error) {
	dir, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(dir, filepath.Join(root, schemaFile))
	if err != nil {
		return nil, err
	}
	return []byte("# yaml-language-server: $schema=" + filepath.ToSlash(rel) + "\n"), nil
}
