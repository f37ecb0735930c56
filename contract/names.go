package contract

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/omninode-ai/omninode/onex/event"
)

var (
	snakePattern      = regexp.MustCompile(snakeGrammar)
	typePattern       = regexp.MustCompile(typeGrammarText)
	capabilityPattern = regexp.MustCompile(capabilityGrammar)
	semverPattern     = regexp.MustCompile(semverGrammar)
)

// Bounds of texts, in characters.
const (
	maxVersion    = 64
	maxCapability = 64
)

// Package returns the Go package of a node: its name without hyphens.
func Package(node string) string { return strings.ReplaceAll(node, "-", "") }

// Schema and role of a node's database, also the stem of its environment variables.
func snake(node string) string { return strings.ReplaceAll(node, "-", "_") }

func envName(node, key string) string { return strings.ToUpper(snake(node) + "_" + key) }

// GoName converts a kebab-case or snake_case name to an exported Go identifier: gateway_url is
// GatewayURL. Words that Go writes in capitals stay so.
func GoName(name string) string {
	var b strings.Builder
	for _, w := range strings.FieldsFunc(name, func(r rune) bool { return r == '-' || r == '_' }) {
		if initialism(w) {
			b.WriteString(strings.ToUpper(w))
			continue
		}
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

func initialism(word string) bool {
	switch word {
	case "acl", "api", "ascii", "cpu", "css", "db", "dns", "gid", "guid", "html", "http", "https", "id", "ip",
		"json", "qps", "ram", "rpc", "sla", "smtp", "sql", "ssh", "tcp", "tls", "ttl", "udp", "ui",
		"uid", "uri", "url", "utf8", "uuid", "vm", "xml":
		return true
	}
	return false
}

// reservedNodes maps node names that would take the place of something else to what that is.
func reservedNode(name string) string {
	switch pkg := Package(name); {
	case slices.Contains([]string{"cmd", "main", "init", "internal", "vendor", "testdata"}, name):
		return "a folder or function of Go"
	case goWord(pkg):
		return "a word of Go"
	case slices.Contains([]string{"onex", "omninode"}, name):
		return "the platform"
	case slices.Contains([]string{"consul", "vault"}, name):
		return "a backend's environment variables and services"
	case slices.Contains([]string{"public", "none", "postgres", "information-schema"}, name), strings.HasPrefix(name, "pg-"):
		return "a schema or role of Postgres"
	}
	return ""
}

// goWord tells whether s is a keyword or a predeclared identifier of Go.
func goWord(s string) bool {
	return slices.Contains(strings.Fields(`
		break case chan const continue default defer else fallthrough for func go goto if import interface
		map package range return select struct switch type var
		any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64
		rune string uint uint8 uint16 uint32 uint64 uintptr true false iota nil append cap clear close
		complex copy delete imag len make max min new panic print println real recover`), s)
}

// claim is what a name becomes once converted, and where it must be unique.
type claim struct{ scope, name string }

type claimant struct {
	what string
	at   Pos
}

// claim takes a converted name for what; who comes second is told. Scopes of Go identifiers ignore
// case, so that no two of them differ in it alone.
func (p *parser) claim(scope, name, what string, at Pos) {
	c := claim{scope, strings.ToLower(name)}
	first, taken := p.claims[c]
	if !taken {
		p.claims[c] = claimant{what, at}
		return
	}
	rule, where := ruleNameCollision, first.what
	if first.at == (Pos{}) {
		rule = ruleReservedName
	} else if first.at.Line != at.Line {
		where = where + " (line " + itoa(first.at.Line) + ")"
	}
	p.report(at, rule, "rename it", "%s and %s both become the %s %s", what, where, scope, name).see(first.at, "%s", first.what)
}

// reserve takes names in a scope for what is generated anyway.
func (p *parser) reserve(scope, what string, names ...string) {
	for _, n := range names {
		p.claims[claim{scope, strings.ToLower(n)}] = claimant{what: what}
	}
}

// Scopes of claims, as they read in messages.
const (
	scopeType        = "Go type"
	scopeMethod      = "method"
	scopeEnv         = "environment variable"
	scopeConfig      = "field of Config"
	scopeRequirement = "field of Requirements"
	scopeFlag        = "field of Flags"
	scopeMessage     = "message"
)

func (p *parser) readNode(it *item) {
	name, ok := p.text(it)
	switch {
	case !ok:
		return
	case !event.ValidName(name):
		p.badName(it, name, "a node", "lower-case words joined by hyphens, at most 48 characters, e.g. order-sync")
		return
	}
	if why := reservedNode(name); why != "" {
		p.report(p.pos(it.node), ruleReservedName, "choose another name", "node %q takes the name of %s", name, why)
	}
	p.contract.Node, p.nodeAt = name, p.pos(it.node)
	p.reserve(scopeEnv, "the runtime", envName(name, databaseURL))
	p.reserve(scopeEnv, "the operating system", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
}

func (p *parser) badName(it *item, name, what, grammar string) {
	at := it.at
	if it.node.Value == name {
		at = p.pos(it.node)
	}
	p.report(at, ruleBadName, "use "+grammar, "%q cannot name %s", name, what)
}

// keyName checks a name given as a key of the kind kebab-case.
func (p *parser) keyName(it *item, what string) bool {
	if event.ValidName(it.key) {
		return true
	}
	p.report(it.at, ruleBadName, "use lower-case words joined by hyphens, at most 48 characters", "%q cannot name %s", it.key, what)
	return false
}

func validSnake(s string) bool { return len(s) <= event.MaxNameLength && snakePattern.MatchString(s) }

// snakeName checks a name given as a key of the kind snake_case.
func (p *parser) snakeName(it *item, what string) bool {
	if validSnake(it.key) {
		return true
	}
	p.report(it.at, ruleBadName, "use lower-case words joined by underscores, at most 48 characters", "%q cannot name %s", it.key, what)
	return false
}

// typeName checks the name of a Go type.
func (p *parser) typeName(at Pos, name, what string) bool {
	if len(name) <= event.MaxNameLength && typePattern.MatchString(name) {
		return true
	}
	p.report(at, ruleBadName, "use words that start with a capital, at most 48 characters, e.g. OrderLine", "%q cannot name %s", name, what)
	return false
}

func (p *parser) version(it *item) string {
	if it == nil {
		return ""
	}
	v := it.node.Value
	if !semverPattern.MatchString(v) || len(v) > maxVersion {
		p.report(p.pos(it.node), ruleBadVersion, "write MAJOR.MINOR.PATCH, e.g. 1.2.0 or 1.2.0-rc.1", "version %.80q is not a semantic version", v)
		return ""
	}
	return v
}

func (p *parser) readCapabilities(it *item) {
	seen := map[string]bool{}
	for _, e := range p.list(it) {
		s, ok := p.text(e)
		switch {
		case !ok:
		case len(s) > maxCapability || !capabilityPattern.MatchString(s):
			p.badName(e, s, "a capability", "lower-case words joined by dots or hyphens, at most 64 characters, e.g. pricing.order")
		case seen[s]:
			p.report(e.at, ruleDuplicate, "remove it", "capability %q is named twice", s).edit(p.removeElement(e)...)
		default:
			seen[s] = true
			p.contract.Capabilities = append(p.contract.Capabilities, s)
		}
	}
	slices.SortFunc(p.contract.Capabilities, cmp.Compare)
}
