// Command with runs another one beside a real Kafka and a real Postgres in containers, whose addresses it
// finds in TEST_KAFKA_BROKERS and TEST_DATABASE_URL, as tests do that otherwise use embedded servers. It
// ends as the other one did, and the servers with it.
//
//	go run ./e2e/servers/with go test ./onex
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/omninode-ai/omninode/e2e/servers"
)

func main() {
	err := run(context.Background(), os.Args[1:])
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() > 0 {
		os.Exit(failed.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, command []string) error {
	if len(command) == 0 {
		return errors.New("name the command to run beside the servers")
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := servers.Start(ctx, servers.Config{Root: ".", Label: "conformance", Kafka: map[string]string{
		// One topic can be forbidden to everybody, and all others are open.
		"KAFKA_AUTHORIZER_CLASS_NAME":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND": "true",
	}})
	if err != nil {
		return err
	}
	defer s.Stop()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), "TEST_KAFKA_BROKERS="+s.Brokers, "TEST_DATABASE_URL="+s.AdminURL+"?sslmode=disable")
	return cmd.Run()
}
