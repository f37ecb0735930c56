package onex

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/omninode-ai/omninode/internal/rehearsal"
	"github.com/omninode-ai/omninode/onex/config"
	"github.com/omninode-ai/omninode/onex/secret"
)

// rehearse plays recorded inputs that come from in with the handlers of a pure node and says on out what it
// would have done. It connects to nothing: secrets come from a file or the environment.
func rehearse(ctx context.Context, cfg Config, in io.Reader, out io.Writer, nodes []Node) error {
	if len(nodes) != 1 || nodes[0].Kind != Compute && nodes[0].Kind != Reducer {
		return &Error{Code: CodeNode, Err: fmt.Errorf("only the program of one compute node or one reducer can rehearse: %d nodes are in this one, the first is a %s", len(nodes), nodes[0].Kind)}
	}
	n := nodes[0]
	vars, err := readVariables(cfg)
	if err != nil {
		return err
	}
	vars.process = offline(vars.process, n.Name)
	env := environment{Instance: "rehearsal", LogLevel: slog.LevelWarn, LogFormat: "text"}
	p := &process{env: env, variables: vars, log: newLogger(cfg.Output, env), ready: newReadiness(nodes), metrics: newMetrics()}
	sources, err := offlineSources(vars)
	if err != nil {
		return &Error{Code: CodeSecrets, Err: err}
	}
	m, err := p.member(ctx, n, sources)
	if err != nil {
		return &Error{Code: codeOf([]error{err}), Err: err}
	}
	return rehearsal.Serve(ctx, rehearsal.Hello{Node: n.Name, Version: n.Version, Kind: string(n.Kind)}, m.core, m.routes, in, out)
}

// offline returns an environment in which the database that nobody connects to has an address.
func offline(lookup func(string) (string, bool), node string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if v, ok := lookup(name); ok || name != envPrefix(node)+strings.ToUpper(DatabaseURL) {
			return v, ok
		}
		return "postgres://rehearsal.invalid/none", true
	}
}

func offlineSources(vars variables) ([]config.Source, error) {
	file, _ := vars.lookup("ONEX_SECRETS_FILE")
	if file == "" {
		return vars.sources(), nil
	}
	kept, err := secret.OpenFile(file)
	if err != nil {
		return nil, err
	}
	return append([]config.Source{secret.Source("secrets file", kept)}, vars.sources()...), nil
}
