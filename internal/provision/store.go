package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/internal/vault"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// store is where Seed puts secrets: Vault or a file.
type store interface {
	prepare(ctx context.Context) error
	read(ctx context.Context, node string, keys []string) (map[string]config.Secret, error)
	write(ctx context.Context, node string, values map[string]config.Secret) error
	name() string
}

// vaultStore is a Vault that Seed may administer.
type vaultStore struct {
	admin   *vault.Admin
	address string
}

func (v vaultStore) name() string                      { return "vault at " + v.address }
func (v vaultStore) prepare(ctx context.Context) error { return v.admin.EnableMounts(ctx) }

func (v vaultStore) read(ctx context.Context, node string, _ []string) (map[string]config.Secret, error) {
	return v.admin.ReadSecrets(ctx, node)
}

func (v vaultStore) write(ctx context.Context, node string, values map[string]config.Secret) error {
	_, err := v.admin.WriteSecrets(ctx, node, values)
	return err
}

// fileStore is a secrets file as secret.OpenFile reads it.
type fileStore struct{ path string }

func (f fileStore) name() string { return "file " + f.path }

func (f fileStore) prepare(context.Context) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the secrets file: %w", err)
	}
	return nil
}

func (f fileStore) read(ctx context.Context, node string, keys []string) (map[string]config.Secret, error) {
	file, err := secret.OpenFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	values := map[string]config.Secret{}
	for _, key := range keys {
		v, ok, err := file.Get(ctx, node, key)
		if err != nil {
			return nil, err
		}
		if ok {
			values[key] = config.NewSecret(v)
		}
	}
	return values, nil
}

// write replaces the whole file at once, keeping what it holds of others.
func (f fileStore) write(_ context.Context, node string, values map[string]config.Secret) error {
	text, err := os.ReadFile(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read secrets file: %w", err)
	}
	all, err := config.ParseDotenv(f.path, text)
	if err != nil {
		return fmt.Errorf("read secrets file: %w", err)
	}
	for key, v := range values {
		all[secret.Name(node, key)] = v.Reveal()
	}
	const header = "# Secrets of this machine's nodes, written by omninode seed. Never commit this file.\n"
	return writePrivate(f.path, append([]byte(header), config.FormatDotenv(all)...))
}

// writePrivate writes a file only its owner may read, completely or not at all.
func writePrivate(path string, text []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already if all went well
	_, err = tmp.Write(text)
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// UnseededError lists every secret Seed has no value for.
type UnseededError struct{ Missing []Unseeded }

// Unseeded is a secret without a value.
type Unseeded struct{ Node, Key, Env, Description string }

func (e *UnseededError) Error() string {
	var b strings.Builder
	b.WriteString("secrets without a value; export these variables, or add --generate where a random value will do:")
	for _, m := range e.Missing {
		fmt.Fprintf(&b, "\n  %s  (%s of node %s) %s", m.Env, m.Key, m.Node, m.Description)
	}
	return b.String()
}

func keys(n Node) []string {
	list := []string{DatabaseURL}
	for _, s := range n.Secrets {
		list = append(list, s.keys()...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
