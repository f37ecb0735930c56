package contract

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/onex/event"
)

// Fleet is all contracts of a system, which know each other's messages.
type Fleet struct {
	Contracts []*Contract // sorted by Node
}

// Contract returns the contract of a node, or nil.
func (f *Fleet) Contract(node string) *Contract {
	for _, c := range f.Contracts {
		if c.Node == node {
			return c
		}
	}
	return nil
}

// LoadFleet reads the contract of every node below dir: dir/<node>/contract.yaml. It resolves what
// they refer to and checks what no contract can know alone. The error is a Diagnostics if the
// contracts are at fault.
func LoadFleet(dir string) (*Fleet, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of the nodes: %w", err)
	}
	var files []string
	for _, e := range entries {
		file := filepath.Join(dir, e.Name(), FileName)
		if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) || !isDir(dir, e) {
			continue
		}
		files = append(files, file)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read the folder of the nodes: %s has no */%s", dir, FileName)
	}
	return newFleet(readAll(files, newGrammar().load))
}

// readAll reads contracts side by side, as many at a time as there are processors.
func readAll(files []string, read func(file string) *parser) []*parser {
	parsers := make([]*parser, len(files))
	var workers errgroup.Group
	workers.SetLimit(runtime.GOMAXPROCS(0))
	for i, file := range files {
		workers.Go(func() error {
			parsers[i] = read(file)
			return nil
		})
	}
	_ = workers.Wait() // what is wrong with a contract is told by its parser
	return parsers
}

// isDir follows symbolic links.
func isDir(dir string, e fs.DirEntry) bool {
	info, err := os.Stat(filepath.Join(dir, e.Name()))
	return err == nil && info.IsDir()
}

// ParseFleet is LoadFleet for contents by file name, e.g. "nodes/pricing/contract.yaml".
func ParseFleet(files map[string][]byte) (*Fleet, error) {
	g := newGrammar()
	read := func(file string) *parser { return g.parse(file, files[file]) }
	return newFleet(readAll(slices.Sorted(maps.Keys(files)), read))
}

func newFleet(parsers []*parser) (*Fleet, error) {
	l := linker{parsers: parsers, nodes: map[string]*parser{}, messages: map[event.Ref]*Message{}, real: map[*Message]*Message{}}
	l.index()
	l.resolve()
	if l.clean() {
		l.check()
	}
	if ds := l.diagnostics(); len(ds) > 0 {
		return nil, ds
	}
	return l.fleet(), nil
}

// linker connects the contracts of a fleet.
type linker struct {
	parsers  []*parser
	nodes    map[string]*parser
	messages map[event.Ref]*Message
	real     map[*Message]*Message // by stub
}

// index collects nodes and messages.
func (l *linker) index() {
	env := map[string]claimant{}
	packages := map[string]claimant{}
	for _, p := range l.parsers {
		node := p.contract.Node
		if node == "" {
			continue
		}
		p.checkFolder()
		if first := l.nodes[node]; first != nil {
			p.report(p.nodeAt, ruleDuplicateNode, "rename one of them", "node %q has a contract already: %s", node, first.file).
				see(first.nodeAt, "the other contract of %s", node)
			l.indexMessages(p)
			continue
		}
		l.nodes[node] = p
		p.unique(packages, "Go package", Package(node), "node "+node, p.nodeAt)
		l.indexEnv(p, env)
		l.indexMessages(p)
	}
}

// indexMessages collects the messages of a contract. Those of a node's second contract are known
// too: that there are two is reported already.
func (l *linker) indexMessages(p *parser) {
	for _, m := range p.contract.Messages {
		if l.messages[m.Ref] == nil {
			l.messages[m.Ref] = m
		}
	}
}

// indexEnv checks that no two nodes share an environment variable.
func (l *linker) indexEnv(p *parser, env map[string]claimant) {
	c := p.contract
	p.unique(env, scopeEnv, Env(c.Node, databaseURL), "node "+c.Node, p.nodeAt)
	for _, s := range c.Settings {
		p.unique(env, scopeEnv, Env(c.Node, s.Key), "setting "+s.Key+" of "+c.Node, s.Pos)
	}
	for _, s := range c.Secrets {
		for _, key := range s.Keys() {
			p.unique(env, scopeEnv, Env(c.Node, key), "secret "+s.Key+" of "+c.Node, s.Pos)
		}
	}
	for _, f := range c.Flags {
		p.unique(env, scopeEnv, FlagEnv(c.Node, f.Key), "flag "+f.Key+" of "+c.Node, f.Pos)
	}
}

// unique is claim across the fleet.
func (p *parser) unique(taken map[string]claimant, scope, name, what string, at Pos) {
	if first, dup := taken[name]; dup && first.at.File != at.File {
		p.report(at, ruleNameCollision, "rename one of them", "%s and %s (%s:%d) both become the %s %s", what, first.what, first.at.File, first.at.Line, scope, name).
			see(first.at, "%s", first.what)
		return
	}
	taken[name] = claimant{what, at}
}

// checkFolder checks that a contract lies where its node's code does.
func (p *parser) checkFolder() {
	dir := path.Base(path.Dir(filepath.ToSlash(p.file)))
	if dir != "." && dir != "/" && dir != p.contract.Node {
		p.report(p.nodeAt, ruleFolderName, "rename the folder or the node", "node %q lies in folder %q", p.contract.Node, dir)
	}
}

// resolve finds the message behind every reference and runs the checks that waited for it.
func (l *linker) resolve() {
	for _, p := range l.parsers {
		for _, u := range p.uses {
			l.resolveUse(p, u)
		}
		for _, d := range p.deferred {
			if m := l.real[d.stub]; m != nil && m.Data != nil {
				d.check(m)
			}
		}
	}
}

func (l *linker) resolveUse(p *parser, u use) {
	m := l.messages[u.message.Ref]
	switch {
	case m == nil:
		l.reportUnknown(p, u)
	case m.Class != u.role.foreign:
		p.report(u.pos, ruleWrongMessage, l.nearestMessage(p, u, "name "+article(className(u.role.foreign))),
			"%s is %s, but %s", m.Ref, article(className(m.Class)), u.role).see(m.Pos, "%s is declared here", m.Ref)
	case m.ReplacedBy != nil:
		p.reportReplaced(u.pos, m)
	default:
		l.real[u.message] = m
	}
}

// reportUnknown says why a message is unknown. It stays silent if the owner's contract is broken:
// the message may be in the part that could not be read.
func (l *linker) reportUnknown(p *parser, u use) {
	ref := u.message.Ref
	owner := l.nodes[ref.Node]
	switch {
	case owner == nil && l.unread(ref.Node):
	case owner == nil:
		near := p.orDeclare(ref.Node, slices.Sorted(maps.Keys(l.nodes)), "add the contract of "+ref.Node)
		p.report(u.pos, ruleUnknownMessage, near, "%s is unknown: the fleet has no node %q", ref, ref.Node)
	case len(owner.problems.kept) == 0 || len(owner.contract.Messages) > 0:
		p.report(u.pos, ruleUnknownMessage, l.nearestMessage(p, u, "declare it in "+owner.file),
			"%s is unknown: node %q has no such %s", ref, ref.Node, className(u.role.foreign)).see(owner.nodeAt, "the contract of %s", ref.Node)
	}
}

// unread tells whether a node's contract is there, but too broken to tell its name.
func (l *linker) unread(node string) bool {
	return slices.ContainsFunc(l.parsers, func(p *parser) bool {
		return p.contract.Node == "" && path.Base(path.Dir(filepath.ToSlash(p.file))) == node
	})
}

// nearestMessage offers the message of the same owner that fits the role best.
func (l *linker) nearestMessage(p *parser, u use, otherwise string) string {
	var candidates []string
	for _, m := range l.nodes[u.message.Ref.Node].contract.Messages {
		if m.Class == u.role.foreign {
			candidates = append(candidates, m.Ref.String())
		}
	}
	return p.orDeclare(u.message.Ref.String(), candidates, otherwise)
}

// clean tells whether the whole graph is known. Checks of the graph would only repeat what is
// reported already if it is not.
func (l *linker) clean() bool {
	return !slices.ContainsFunc(l.parsers, func(p *parser) bool { return len(p.problems.kept) > 0 })
}

func (l *linker) diagnostics() Diagnostics {
	var ds Diagnostics
	for _, p := range l.parsers {
		ds = append(ds, p.problems.list()...)
	}
	return ds
}

func (l *linker) fleet() *Fleet {
	f := &Fleet{}
	for _, p := range l.parsers {
		f.Contracts = append(f.Contracts, p.contract)
	}
	slices.SortFunc(f.Contracts, func(a, b *Contract) int { return cmp.Compare(a.Node, b.Node) })
	return f
}

// link replaces the stubs in the contracts by the messages they stand for.
func (l *linker) link() {
	for _, p := range l.parsers {
		seen := map[*Message]bool{}
		for _, slot := range p.contract.slots() {
			m := l.real[*slot]
			if m == nil {
				continue
			}
			*slot = m
			if !seen[m] {
				seen[m] = true
				p.contract.Foreign = append(p.contract.Foreign, m)
			}
		}
		slices.SortFunc(p.contract.Foreign, func(a, b *Message) int { return a.Ref.Compare(b.Ref) })
	}
}

// slots returns every place of a contract that refers to a message.
func (c *Contract) slots() []**Message {
	var slots []**Message
	add := func(list []*Message) {
		for i := range list {
			slots = append(slots, &list[i])
		}
	}
	for _, h := range c.Handles {
		slots = append(slots, &h.Input)
		add(h.Emits)
	}
	if c.Machine != nil {
		for _, t := range c.Machine.Transitions {
			slots = append(slots, &t.Input)
			add(t.Emits)
		}
	}
	if c.Workflow != nil {
		slots = append(slots, &c.Workflow.Start, &c.Workflow.Completed, &c.Workflow.Failed)
		for _, s := range c.Workflow.Steps {
			slots = append(slots, &s.Send, &s.Undo)
			add(s.Success)
			add(s.Failure)
		}
	}
	return slots
}
