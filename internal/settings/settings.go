// Package settings answers questions about the configuration of a fleet without starting anything:
// where each value comes from, what is missing, what does not fit its contract and what differs
// between environments. It asks the same cascade as a node (onex/config), with the settings that the
// contracts declare; sources are handed in.
package settings

import (
	"context"
	"errors"
	"strconv"

	"github.com/omninode-ai/omninode/contract"
	"github.com/omninode-ai/omninode/onex/config"
)

// databaseURL is the key of the secret that every node has besides those of its contract.
const databaseURL = "database_url"

// Of returns the settings and secrets of a node, as its generated code lists them.
func Of(c *contract.Contract) []config.Setting {
	list := []config.Setting{{
		Key: databaseURL, Env: contract.Env(c.Node, databaseURL), Secret: true,
		Description: "Postgres URL of the node's own role.",
	}}
	for _, s := range c.Settings {
		list = append(list, config.Setting{Key: s.Key, Env: contract.Env(c.Node, s.Key), Default: s.Default, Description: s.Description})
	}
	for _, s := range c.Secrets {
		for _, key := range s.Keys() {
			list = append(list, config.Setting{
				Key: key, Env: contract.Env(c.Node, key), Secret: true, Description: s.Description, DatabaseRole: s.DatabaseRole,
			})
		}
	}
	return list
}

// Problem is something that keeps a node from starting.
type Problem struct {
	Node    string   `json:"node,omitempty"` // "": of every process
	Key     string   `json:"key,omitempty"`
	Env     string   `json:"env,omitempty"`
	Kind    string   `json:"kind"` // missing, invalid, unavailable
	Message string   `json:"message"`
	Where   []string `json:"where,omitempty"` // missing: where a value may be put; any of them will do
}

// Check asks the cascade for everything c declares and returns what keeps the node from starting.
func Check(ctx context.Context, c *contract.Contract, lookup func(string) (string, bool), sources ...config.Source) []Problem {
	t := config.NewTrace(ctx, c.Node, Of(c), sources...)
	var problems []Problem
	for _, s := range t.Settings {
		p := Problem{Node: c.Node, Key: s.Setting.Key, Env: s.Setting.Env}
		switch {
		case s.Err != nil:
			p.Kind, p.Message = "unavailable", s.Problem()
		case s.Missing():
			p.Kind, p.Message, p.Where = "missing", "is missing", s.Where
		default:
			continue
		}
		problems = append(problems, p)
	}
	return append(problems, append(violations(c, t), flagProblems(c, lookup)...)...)
}

// violations reads every value with the rules of its contract, as the generated code does.
func violations(c *contract.Contract, t config.Trace) []Problem {
	r := config.Read(t.Values())
	declared := map[string]*contract.Setting{}
	for _, s := range c.Settings {
		declared[s.Key] = s
	}
	for _, s := range t.Settings {
		if set := declared[s.Setting.Key]; set != nil && !s.Missing() && s.Err == nil {
			read(r, set.Key, set.Schema)
		}
	}
	for _, s := range c.Secrets {
		if t.Has(s.Keys()...) && s.DatabaseRole != "" {
			r.Credentials(s.Key)
		}
	}
	return invalid(c.Node, r.Err())
}

func read(r *config.Reader, key string, s *contract.Schema) {
	switch {
	case s.Type == "integer":
		r.Int(key, bounds(s)...)
	case s.Type == "number":
		r.Float(key, bounds(s)...)
	case s.Type == "boolean":
		r.Bool(key)
	case s.Format == "duration":
		r.Duration(key)
	default:
		r.String(key, texts(s)...)
	}
}

func bounds(s *contract.Schema) []config.NumberRule {
	var rules []config.NumberRule
	if limit, ok := number(s.Minimum); ok {
		rules = append(rules, config.Min(limit))
	}
	if limit, ok := number(s.Maximum); ok {
		rules = append(rules, config.Max(limit))
	}
	return rules
}

func number(text *string) (float64, bool) {
	if text == nil {
		return 0, false
	}
	x, err := strconv.ParseFloat(*text, 64)
	return x, err == nil
}

func texts(s *contract.Schema) []config.TextRule {
	var rules []config.TextRule
	if s.MinLength != nil {
		rules = append(rules, config.MinLen(*s.MinLength))
	}
	if s.MaxLength != nil {
		rules = append(rules, config.MaxLen(*s.MaxLength))
	}
	if len(s.Enum) > 0 {
		rules = append(rules, config.OneOf(s.Enum...))
	}
	if s.Pattern != "" {
		rules = append(rules, config.Pattern(s.Pattern))
	}
	if format := formats()[s.Format]; format != nil {
		rules = append(rules, format())
	}
	return rules
}

func formats() map[string]func() config.TextRule {
	return map[string]func() config.TextRule{
		"uri": config.URI, "uuid": config.UUID, "email": config.Email, "date-time": config.DateTime, "date": config.Date,
	}
}

// flagProblems says which variables of flags are neither true nor false.
func flagProblems(c *contract.Contract, lookup func(string) (string, bool)) []Problem {
	var flags []config.FlagSetting
	for _, f := range c.Flags {
		flags = append(flags, config.FlagSetting{Key: f.Key, Env: contract.FlagEnv(c.Node, f.Key), Default: f.Default})
	}
	_, err := config.ResolveFlags(c.Node, flags, lookup)
	return invalid(c.Node, err)
}

// invalid makes problems of a *config.InvalidError.
func invalid(node string, err error) []Problem {
	e, ok := errors.AsType[*config.InvalidError](err)
	if !ok {
		return nil
	}
	problems := make([]Problem, 0, len(e.Violations))
	for _, v := range e.Violations {
		problems = append(problems, Problem{
			Node: node, Key: v.Key, Env: v.Env, Kind: "invalid", Message: v.Message + " (from " + v.Source + ")",
		})
	}
	return problems
}
