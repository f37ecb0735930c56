package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

var update = flag.Bool("update", false, "rewrite the expected output of scripts")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"omninode": main})
}

// TestScripts runs the command as a process, the way people do. Each script starts in an empty
// folder; $ROOT is this repository.
func TestScripts(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "go", "env", "-json", "GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS", "GONOSUMDB", "GOPATH").Output()
	if err != nil {
		t.Fatal(err)
	}
	var goEnv map[string]string // scripts have a home of their own, but share what is compiled
	if err := json.Unmarshal(out, &goEnv); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Setenv("NO_COLOR", "1")
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, ".cache"))
			for name, v := range goEnv {
				e.Setenv(name, v)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"fails": fails, "database": database, "kafka": broker, "topic": makeTopic, "bury": buryRecord, "records": countRecords, "sql": runSQL},
	})
}

// database starts a Postgres for the script and points DATABASE_URL at it.
func database(ts *testscript.TestScript, _ bool, _ []string) {
	p, err := embedded.StartPostgres(context.Background(), embedded.PostgresConfig{})
	ts.Check(err)
	ts.Defer(func() { ts.Check(p.Stop()) })
	ts.Setenv("DATABASE_URL", p.URL())
}

// fails runs a program and wants a certain exit code: fails CODE PROGRAM [ARGUMENT...].
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	exit, ok := errors.AsType[*exec.ExitError](ts.Exec(args[1], args[2:]...))
	switch {
	case !ok:
		ts.Fatalf("exit code 0, want %d", want)
	case exit.ExitCode() != want:
		ts.Fatalf("exit code %d, want %d", exit.ExitCode(), want)
	}
}

// broker starts a Kafka of three brokers for the script, keeps its address in ONEX_KAFKA_BROKERS, and
// allows every operation that is not among the arguments.
func broker(ts *testscript.TestScript, _ bool, refused []string) {
	opts := []kfake.Opt{kfake.NumBrokers(3), kfake.EnableACLs()}
	var acls []kfake.ACL
	for _, r := range []kmsg.ACLResourceType{kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup, kmsg.ACLResourceTypeCluster, kmsg.ACLResourceTypeTransactionalId} {
		acls = append(acls, kfake.ACL{Resource: r, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationAll, Allow: true})
		for _, name := range refused {
			op, err := kmsg.ParseACLOperation(name)
			ts.Check(err)
			acls = append(acls, kfake.ACL{Resource: r, Name: "*", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: op})
		}
	}
	c, err := kfake.NewCluster(append(opts, kfake.User("PLAIN", "ANONYMOUS", "-", acls...))...)
	ts.Check(err)
	ts.Defer(c.Close)
	ts.Setenv("ONEX_KAFKA_BROKERS", strings.Join(c.ListenAddrs(), ","))
}

// makeTopic creates a topic with three replicas: topic NAME PARTITIONS [SETTING=VALUE...].
func makeTopic(ts *testscript.TestScript, _ bool, args []string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(ts.Getenv("ONEX_KAFKA_BROKERS"), ",")...))
	ts.Check(err)
	defer client.Close()
	partitions, err := strconv.Atoi(args[1])
	ts.Check(err)
	settings := map[string]*string{}
	for _, arg := range args[2:] {
		name, value, _ := strings.Cut(arg, "=")
		settings[name] = &value
	}
	_, err = kadm.NewClient(client).CreateTopic(context.Background(), int32(partitions), 3, settings, args[0])
	ts.Check(err)
}

// runSQL executes a file on the script's database: sql FILE.
func runSQL(ts *testscript.TestScript, _ bool, args []string) {
	conn, err := pgx.Connect(context.Background(), ts.Getenv("DATABASE_URL"))
	ts.Check(err)
	defer func() { _ = conn.Close(context.Background()) }()
	_, err = conn.Exec(context.Background(), ts.ReadFile(args[0]))
	ts.Check(err)
}
