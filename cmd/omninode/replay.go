package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/internal/console"
	"github.com/omninode-ai/omninode/internal/kafka"
	"github.com/omninode-ai/omninode/internal/local"
	"github.com/omninode-ai/omninode/internal/rehearsal"
	"github.com/omninode-ai/omninode/onex/engine"
)

const (
	codeReplayKind    = "ONEX_REPLAY_001_NOT_PURE"
	codeReplayDiffers = "ONEX_REPLAY_002_DIFFERS"
	codeReplayProgram = "ONEX_REPLAY_003_PROGRAM"
	codeReplayNothing = "ONEX_REPLAY_004_NOTHING"
)

// replaying is what the flags of replay say.
type replaying struct {
	node, from, to, brokers, database, program string

	ignored []string
	limit   int
	asJSON  bool
}

func newReplayCommand(a *app) *cobra.Command {
	var r replaying
	c := &cobra.Command{
		Use:   "replay --what-if NODE",
		Short: "run the code as it is now on recorded inputs, and compare with what was recorded",
		Long: "replay builds a compute node or a reducer as it is in the working tree and runs it, in a sandbox, on the\n" +
			"inputs that the node has handled. It prints where outputs, states and dead letters would have been others:\n" +
			"messages are matched by their ids, which follow from their causes; values are compared field by field.\n\n" +
			"It reads the log ($ONEX_KAFKA_BROKERS), of a reducer also its schema ($DATABASE_URL), and writes to neither.\n" +
			"The program has no network, and of the environment only the settings of the node. The exit code is 0 if\n" +
			"nothing differs and 4 if something does.",
		Example: "  omninode replay --what-if pricing --from beginning\n" +
			"  omninode replay --what-if orders --from 24h --json | jq .fields\n" +
			"  PRICING_TAX_PERCENT=21 omninode replay --what-if pricing --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if r.node == "" {
				return usage(c, errors.New("which node? --what-if NODE"))
			}
			if r.limit < 0 {
				return usage(c, fmt.Errorf("--limit %d is less than nothing", r.limit))
			}
			from, err := moment(r.from, "beginning", time.Now())
			if err != nil {
				return usage(c, fmt.Errorf("--from %w", err))
			}
			to, err := moment(r.to, "end", time.Now())
			if err != nil {
				return usage(c, fmt.Errorf("--to %w", err))
			}
			return a.replay(c.Context(), r, from, to)
		},
	}
	f := c.Flags()
	f.StringVar(&r.node, "what-if", "", "node whose code is run")
	f.StringVar(&r.from, "from", "beginning", "first input: an offset of each partition, a time (RFC 3339), how long ago (24h), or beginning")
	f.StringVar(&r.to, "to", "end", "before which input to end: an offset, a time, how long ago, or end")
	f.StringVar(&r.program, "program", "", "a program of the node that is built already")
	f.StringSliceVar(&r.ignored, "ignore", nil, "a path that does not count, such as $.priced_at or $.lines[].note; may be given more than once")
	f.IntVar(&r.limit, "limit", 10, "show at most so many differences")
	f.BoolVar(&r.asJSON, "json", false, "print JSON")
	brokersFlag(c, &r.brokers)
	a.databaseFlag(c, &r.database)
	return c
}

// moment reads where to begin or to end.
func moment(text, zero string, now time.Time) (m engine.Moment, err error) {
	if text == zero {
		return m, nil
	}
	if offset, err := strconv.ParseInt(text, 10, 64); err == nil && offset >= 0 {
		return engine.Moment{Offset: &offset}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return engine.Moment{Time: now.Add(-ago)}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return engine.Moment{Time: at}, nil
	}
	return m, fmt.Errorf("%q: an offset, a time such as 2026-11-02T15:04:05Z, a duration such as 24h, or %s", text, zero)
}

// replay rehearses a node and prints what would be otherwise.
func (a *app) replay(ctx context.Context, r replaying, from, to engine.Moment) error {
	fleet, err := a.fleet()
	if err != nil {
		return err
	}
	c, err := a.find(fleet, r.node)
	if err != nil {
		return err
	}
	if c.Kind != contract.Compute && c.Kind != contract.Reducer {
		return mistake(codeReplayKind, fmt.Errorf("%s is %s %s: only compute nodes and reducers can be run again without touching the world", c.Node, article(c.Kind), c.Kind), "omninode list")
	}
	cluster, err := a.openCluster(r.brokers)
	if err != nil {
		return err
	}
	defer cluster.Close()
	cfg := rehearsalOf(c, cluster, r)
	cfg.From, cfg.To = from, to
	if c.Kind == contract.Reducer {
		d, err := a.deskOf(ctx, c, r.database)
		if err != nil {
			return err
		}
		defer d.store.Close()
		cfg.History = d.store
	}
	out := console.New(console.Config{W: a.stderr, Env: a.env})
	defer out.Close()
	report, err := a.rehearse(ctx, out, c, cfg, r)
	if err != nil {
		return err
	}
	report.From, report.To = r.from, r.to
	return a.printRehearsal(report, r)
}

func article(k contract.Kind) string {
	if strings.ContainsRune("aeiou", rune(string(k)[0])) {
		return "an"
	}
	return "a"
}

// rehearsalOf derives from a contract what is read and compared.
func rehearsalOf(c *contract.Contract, cluster *kafka.Client, r replaying) rehearsal.Config {
	cfg := rehearsal.Config{Node: c.Node, Log: cluster, Limit: r.limit, Ignored: r.ignored}
	derived := contract.Derive(c)
	for _, ch := range derived.Consumes {
		cfg.Inputs = append(cfg.Inputs, ch.Topic)
		cfg.Letters = append(cfg.Letters, ch.DeadLetter)
	}
	for _, ch := range derived.Produces {
		cfg.Outputs = append(cfg.Outputs, ch.Topic)
	}
	return cfg
}

// rehearse builds the node and runs it on history.
func (a *app) rehearse(ctx context.Context, out *console.Console, c *contract.Contract, cfg rehearsal.Config, r replaying) (*rehearsal.Report, error) {
	program, err := a.programOf(ctx, out, c, r.program)
	if err != nil {
		return nil, err
	}
	if cfg.Dir, err = os.MkdirTemp("", "omninode-replay-"); err != nil {
		return nil, lacking(codeUnwritable, err, "make room in the folder for temporary files")
	}
	defer func() { _ = os.RemoveAll(cfg.Dir) }()
	s, err := rehearsal.Start(ctx, program, cfg.Dir, a.settings(c))
	if err != nil {
		return nil, mistake(codeReplayProgram, err, "set what it names; a program of an earlier omninode cannot rehearse: build the node with this one")
	}
	defer func() { _ = s.Close() }()
	if s.Hello.Node != c.Node {
		return nil, mistake(codeReplayProgram, fmt.Errorf("the program is node %s", s.Hello.Node), "leave out --program")
	}
	step := out.Step("replay " + c.Node)
	cfg.Progress = func(played int) { step.Say(fmt.Sprintf("%d inputs", played)) }
	report, err := rehearsal.Run(ctx, cfg, s)
	if step.End(err) != nil {
		if _, ended := errors.AsType[*rehearsal.ProgramError](err); ended {
			return nil, mistake(codeReplayProgram, err, "the handler ends its process; its last words are above")
		}
		return nil, unreachable(err)
	}
	report.Node, report.Version, report.Isolated = s.Hello.Node, s.Hello.Version, s.Isolated
	return report, nil
}

// programOf returns the program of a node, built if there is none.
func (a *app) programOf(ctx context.Context, out *console.Console, c *contract.Contract, program string) (string, error) {
	if program != "" {
		abs, err := filepath.Abs(program)
		if err == nil {
			_, err = os.Stat(abs)
		}
		if err != nil {
			return "", unreadable(program, err)
		}
		return abs, nil
	}
	module, err := findModule(a.nodes)
	if err != nil {
		return "", err
	}
	step := out.Step("build " + c.Node)
	program, err = local.BuildNode(ctx, module.Root, a.nodes, c.Node)
	if step.End(err) != nil {
		return "", mistake(codeReplayProgram, err, "correct what the compiler names; omninode generate writes what is missing")
	}
	return program, nil
}

// settings returns the environment of a program: what its contract names, and nothing of the backends.
func (a *app) settings(c *contract.Contract) []string {
	derived := contract.Derive(c)
	names := []string{"ONEX_SECRETS_FILE", "TZ", "LANG"}
	for _, v := range derived.Environment {
		if v.Key != "database_url" {
			names = append(names, v.Name)
		}
	}
	for _, f := range derived.Flags {
		names = append(names, f.Env)
	}
	slices.Sort(names)
	env := []string{}
	for _, name := range names {
		if v, ok := a.env(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
