package config

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// LocalFile is the .env file of an environment that git ignores: it wins over the others and is the
// only one that may hold secrets.
const LocalFile = "local.env"

// maxDotenv is how many bytes a .env file may have.
const maxDotenv = MaxValue

// Dotenv holds what the .env files of one environment say. The zero value holds nothing.
type Dotenv struct {
	environment string
	dir         string
	values      map[string]assignment
}

// OpenDotenv reads dir/<environment>/*.env, the local file last. A name that two files set is refused,
// unless one of them is the local file: then that counts. A secret in a file that git keeps is
// refused when it is asked for.
func OpenDotenv(dir, environment string) (*Dotenv, error) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`).MatchString(environment) {
		return nil, fmt.Errorf("environment %q: its name is that of a folder below %s: lower-case letters, digits and hyphens", environment, dir)
	}
	root, err := os.OpenRoot(dir) // nothing outside dir is read, not through a link either
	if err != nil {
		return nil, fmt.Errorf("open environment %s: %w", environment, err)
	}
	defer root.Close()
	names, err := dotenvFiles(root, dir, environment)
	if err != nil {
		return nil, err
	}
	d := &Dotenv{environment: environment, dir: dir, values: map[string]assignment{}}
	var errs []error
	for _, name := range names {
		errs = append(errs, d.read(root, path.Join(environment, name), name == LocalFile))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return d, nil
}

// dotenvFiles lists the .env files of an environment, the local one last.
func dotenvFiles(root *os.Root, dir, environment string) ([]string, error) {
	entries, err := fs.ReadDir(root.FS(), environment)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("environment %s: there is no folder %s", environment, filepath.Join(dir, environment))
	}
	if err != nil {
		return nil, fmt.Errorf("list environment %s: %w", environment, err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".env") && e.Name() != LocalFile {
			names = append(names, e.Name())
		}
	}
	return append(names, LocalFile), nil
}

func (d *Dotenv) read(root *os.Root, name string, local bool) error {
	shown := filepath.Join(d.dir, filepath.FromSlash(name))
	text, err := readAtMost(root, name)
	if errors.Is(err, fs.ErrNotExist) && local {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", shown, err)
	}
	lines, err := parseLines(shown, text)
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(lines), cmp.Compare) {
		if other, twice := d.values[key]; twice && !local {
			return &DotenvError{File: shown, Line: lines[key].line, Message: key + " is set in " + other.place() + " too; keep one of them"}
		}
		d.values[key] = lines[key]
	}
	return nil
}

func readAtMost(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxDotenv+1))
	if err == nil && len(text) > maxDotenv {
		err = fmt.Errorf("it has more than %d bytes", maxDotenv)
	}
	return text, err
}

// Lookup returns what the files say of a variable; it is like os.LookupEnv.
func (d *Dotenv) Lookup(name string) (string, bool) {
	if d == nil {
		return "", false
	}
	l, ok := d.values[name]
	return l.value.Reveal(), ok
}

// Under returns the variables of the process with those of the files below them: what lookup has no
// value for, or an empty one, the files are asked for.
func (d *Dotenv) Under(lookup func(string) (string, bool)) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := lookup(name); ok && v != "" {
			return v, true
		}
		if v, ok := d.Lookup(name); ok {
			return v, true
		}
		return lookup(name)
	}
}

// Names returns the variables that the files set, sorted.
func (d *Dotenv) Names() []string {
	if d == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(d.values))
}

// Place returns file and line of a variable, or "".
func (d *Dotenv) Place(name string) string {
	if _, ok := d.Lookup(name); !ok {
		return ""
	}
	return d.values[name].place()
}

// Exposed reports whether a variable is set in a file that git keeps.
func (d *Dotenv) Exposed(name string) bool {
	if _, ok := d.Lookup(name); !ok {
		return false
	}
	return filepath.Base(d.values[name].file) != LocalFile
}

// RuntimeSecrets lists the variables of the runtime that hold secrets.
func RuntimeSecrets() []string {
	return []string{"CONSUL_HTTP_TOKEN", "VAULT_SECRET_ID", "VAULT_WRAPPED_SECRET_ID", "VAULT_TOKEN"}
}

// RuntimeSecret reports whether a variable of the runtime holds a secret.
func RuntimeSecret(name string) bool { return slices.Contains(RuntimeSecrets(), name) }

// Source returns the files as a step of the cascade. A secret outside the local file is an error.
func (d *Dotenv) Source() Source {
	return Source{
		Name: ".env file",
		Lookup: func(_ context.Context, _ string, s Setting) (string, bool, error) {
			if s.Secret && d.Exposed(s.Env) {
				return "", false, fmt.Errorf("%s: a secret in a file that git keeps; move it to %s and replace it, or to the secret store", d.Place(s.Env), d.local())
			}
			v, ok := d.Lookup(s.Env)
			return v, ok, nil
		},
		Where: func(_ string, s Setting) string {
			if s.Secret {
				return "add " + s.Env + "=… to " + d.local()
			}
			return "add " + s.Env + "=… to a .env file in " + filepath.Join(d.dir, d.environment)
		},
		Place: func(_ string, s Setting) string { return d.Place(s.Env) },
	}
}

func (d *Dotenv) local() string { return filepath.Join(d.dir, d.environment, LocalFile) }
