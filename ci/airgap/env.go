package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A variable is one setting that makes a shell use the engine.
type variable struct{ name, value string }

// environment is what a process needs to talk to the engine.
func (s *site) environment() []variable {
	path := s.binDir()
	if inherited := os.Getenv("PATH"); inherited != "" && !strings.HasPrefix(inherited, path+":") {
		path += ":" + inherited
	} else if inherited != "" {
		path = inherited
	}
	return []variable{
		{"PATH", path},
		{"_EXPERIMENTAL_DAGGER_RUNNER_HOST", "docker-container://" + engineName},
		{"DO_NOT_TRACK", "1"},
		{"DAGGER_NO_NAG", "1"},
	}
}

// env prints the environment, as lines for a shell's eval or as one object.
func (s *site) env(out io.Writer, asJSON bool) error {
	if !s.cliLinked() {
		err := errors.New("there is no engine of this version yet")
		return &remedied{err: err, next: self + " up"}
	}
	if !asJSON {
		for _, v := range s.environment() {
			fmt.Fprintf(out, "export %s=%s\n", v.name, shellQuote(v.value))
		}
		return nil
	}
	object := map[string]string{}
	for _, v := range s.environment() {
		object[v.name] = v.value
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(object)
}

// shellQuote makes a value one word for any POSIX shell.
func shellQuote(value string) string {
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
