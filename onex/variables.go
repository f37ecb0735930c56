package onex

import (
	"cmp"
	"errors"
	"os"
	"strings"

	"github.com/omninode-ai/omninode/onex/config"
)

// variables are what a process is told: its environment, and below that the .env files of the
// environment that ONEX_ENV names.
type variables struct {
	process func(name string) (string, bool)
	files   *config.Dotenv // nil: ONEX_ENV is not set
	names   []string       // of all variables that are set, as far as it is known
}

// readVariables opens no file unless ONEX_ENV is set: what an image runs with is told by its environment alone.
func readVariables(cfg Config) (variables, error) {
	v := variables{process: cfg.Lookup}
	if v.process == nil {
		v.process = os.LookupEnv
		for _, pair := range os.Environ() {
			name, _, _ := strings.Cut(pair, "=")
			v.names = append(v.names, name)
		}
	}
	environment, _ := v.process("ONEX_ENV")
	if environment == "" {
		return v, nil
	}
	dir, _ := v.process("ONEX_ENV_DIR")
	files, err := config.OpenDotenv(cmp.Or(dir, "env"), environment)
	if err != nil {
		return v, &Error{Code: CodeEnvironment, Err: err, Remedy: "correct the file, or unset ONEX_ENV: then no file is read"}
	}
	v.files = files
	v.names = append(v.names, files.Names()...)
	return v, v.checkExposed()
}

// checkExposed refuses secrets of the runtime in a file that git keeps. Those of nodes are refused by
// the cascade.
func (v variables) checkExposed() error {
	var errs []error
	for _, name := range config.RuntimeSecrets() {
		if v.files.Exposed(name) {
			errs = append(errs, errors.New(v.files.Place(name)+": "+name+" is a secret in a file that git keeps"))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return &Error{Code: CodeEnvironment, Err: errors.Join(errs...), Remedy: "move it to " + config.LocalFile + " beside the file and replace it: it may have been seen"}
}

// lookup returns a variable; an empty one counts as absent where files are read.
func (v variables) lookup(name string) (string, bool) {
	if v.files == nil {
		return v.process(name)
	}
	return v.files.Under(v.process)(name)
}

// sources are the last steps of the cascade before defaults.
func (v variables) sources() []config.Source {
	list := []config.Source{config.Environ(v.process)}
	if v.files != nil {
		list = append(list, v.files.Source())
	}
	return list
}
