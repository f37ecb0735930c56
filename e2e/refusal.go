package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/contract"
)

// brokenContract breaks a copy of payment's contract and asks the command about it.
func brokenContract(ctx context.Context, s *Stack) error {
	dir, err := os.MkdirTemp("", "omninode-e2e-")
	if err != nil {
		return fmt.Errorf("make a folder for the broken fleet: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for _, c := range s.Fleet {
		if err := copyContract(c, dir); err != nil {
			return err
		}
	}
	file := filepath.Join(dir, "payment", contract.FileName)
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read payment's contract: %w", err)
	}
	broken := strings.Replace(string(text), "kind: effect", "kindd: effect", 1)
	if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
		return fmt.Errorf("break payment's contract: %w", err)
	}
	line := 1 + strings.Count(broken[:strings.Index(broken, "kindd")], "\n")
	out, code, err := s.tool(ctx, s.Omninode, os.Environ(), "validate", dir)
	if err != nil {
		return err
	}
	want := fmt.Sprintf("contract.yaml:%d:1: ", line)
	if code == 0 || !strings.Contains(out, want) || !strings.Contains(out, "kind") {
		return fmt.Errorf("omninode validate ends with exit code %d and does not say %q of the key \"kindd\":\n%s", code, want, out)
	}
	return nil
}

func copyContract(c *contract.Contract, dir string) error {
	text, err := os.ReadFile(c.File)
	if err != nil {
		return fmt.Errorf("read a contract: %w", err)
	}
	to := filepath.Join(dir, c.Node)
	if err := os.Mkdir(to, 0o700); err != nil {
		return fmt.Errorf("copy a contract: %w", err)
	}
	return os.WriteFile(filepath.Join(to, contract.FileName), text, 0o600)
}

// missingSecret starts payment with a secrets file that is empty and wants to be told all of it: the
// secret, the variable and the place in the store.
func missingSecret(ctx context.Context, s *Stack) error {
	if s.NodeBinary == "" {
		return errors.New("E2E_NODE_BINARY is not set: there is no node to start without its secret")
	}
	empty, err := os.CreateTemp("", "omninode-e2e-secrets-") // with mode 0600, as a secrets file must have
	if err != nil {
		return fmt.Errorf("make an empty secrets file: %w", err)
	}
	defer func() { _ = errors.Join(empty.Close(), os.Remove(empty.Name())) }()
	out, code, err := s.tool(ctx, s.NodeBinary, s.withoutSecrets(empty.Name()))
	if err != nil {
		return fmt.Errorf("start payment without its secret: %w", err)
	}
	if code == 0 {
		return fmt.Errorf("payment ends with exit code 0 without its secret:\n%s", out)
	}
	for _, want := range []string{"secret gateway_token", "export PAYMENT_GATEWAY_TOKEN", "add PAYMENT_GATEWAY_TOKEN=… to " + empty.Name()} {
		if !strings.Contains(out, want) {
			return fmt.Errorf("payment without its secret does not say %q:\n%s", want, out)
		}
	}
	return nil
}

var secretVariable = regexp.MustCompile(`^(ONEX_SECRETS_FILE|VAULT_\w*|\w+_DATABASE_URL|PAYMENT_GATEWAY_TOKEN)=`)

// withoutSecrets is the environment of a node that can reach everything but its secrets.
func (s *Stack) withoutSecrets(file string) []string {
	env := slices.DeleteFunc(os.Environ(), secretVariable.MatchString)
	return append(env, "ONEX_KAFKA_BROKERS="+strings.Join(s.Brokers, ","), "CONSUL_HTTP_ADDR="+s.ConsulAddr,
		"ONEX_HTTP_ADDR=127.0.0.1:0", "ONEX_INSTANCE=missing-secret", "PAYMENT_GATEWAY_URL="+s.GatewayURL,
		"ONEX_SECRETS_FILE="+file)
}

// tool runs a program that is expected to end soon and returns what it wrote and its exit code.
func (s *Stack) tool(ctx context.Context, path string, env []string, args ...string) (out string, code int, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.patient)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	cmd.WaitDelay = time.Second
	text, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", 0, fmt.Errorf("%s did not end within %s:\n%s", filepath.Base(path), s.patient, text)
	}
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		err = nil
	}
	if err != nil {
		return "", 0, fmt.Errorf("run %s: %w", filepath.Base(path), err)
	}
	return string(text), cmd.ProcessState.ExitCode(), nil
}
