package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"
)

// errDepth is how the YAML library hands our own limit back.
var errDepth = errors.New("too deep")

// document parses src into a tree that is safe to walk: one document, bounded in size and depth,
// without anchors, aliases, tags and merge keys. It returns nil if it reported something.
func (p *parser) document(src []byte) *item {
	if !p.checkBytes(src) {
		return nil
	}
	doc := p.load(src)
	if doc == nil {
		return nil
	}
	root := &item{at: p.top(), node: doc.Content[0]}
	if !p.checkTree(root.node, 1) {
		return nil
	}
	return root
}

// checkBytes refuses what is no text before the YAML library sees it.
func (p *parser) checkBytes(src []byte) bool {
	if len(src) > MaxBytes {
		p.report(p.top(), ruleTooLarge, "split the node in two", "the file has more than %d KiB", MaxBytes>>10)
		return false
	}
	if bytes.HasPrefix(src, []byte("\xef\xbb\xbf")) {
		p.report(p.top(), ruleEncoding, "save the file without it", "the file starts with a byte order mark")
		return false
	}
	line, column := 1, 1
	for i := 0; i < len(src); {
		r, size := utf8.DecodeRune(src[i:])
		if bad := badRune(r, size); bad != "" {
			at := Pos{File: p.file, Line: line, Column: column}
			p.report(at, ruleEncoding, "save the file as UTF-8 text", "the file contains %s", bad)
			return false
		}
		i, column = i+size, column+1
		if r == '\n' {
			line, column = line+1, 1
		}
	}
	return true
}

func badRune(r rune, size int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return "a byte that is not UTF-8"
	case r == 0:
		return "a NUL character"
	case r < ' ' && r != '\n' && r != '\r' && r != '\t', r >= 0x7f && r < 0xa0:
		return "a control character"
	}
	return ""
}

// load parses the only document of src.
func (p *parser) load(src []byte) *yaml.Node {
	limits := loaderlimits.New(loaderlimits.DepthFunc(func(depth int, _ *loaderlimits.DepthContext) error {
		if depth > 2*MaxDepth {
			return errDepth
		}
		return nil
	}))
	loader, err := yaml.NewLoader(bytes.NewReader(src), yaml.WithPlugin(limits))
	if err != nil {
		p.syntax(err)
		return nil
	}
	var doc, next yaml.Node
	switch err = loader.Load(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		p.report(p.top(), ruleEmpty, "start with omninode: 1", "the contract is empty").paste(p.appendLine("omninode: 1"))
		return nil
	case err != nil:
		p.syntax(err)
		return nil
	}
	switch err = loader.Load(&next); {
	case errors.Is(err, io.EOF):
		return &doc
	case err != nil:
		p.syntax(err)
	default:
		p.report(p.pos(&next), ruleDocuments, "move it to the folder of its own node", "a second document starts here")
	}
	return nil
}

// syntax reports an error of the YAML library at the place it names.
func (p *parser) syntax(err error) {
	at, message := p.top(), err.Error()
	le, ok := errors.AsType[*yaml.LoadError](err)
	if ok && (p.unclosed(le) || p.colonless(le)) {
		return
	}
	if ok {
		at.Line, at.Column = max(le.Mark.Line, 1), max(le.Mark.Column, 1)
		message = le.Message
		if le.ContextMsg != "" {
			message = le.ContextMsg + ": " + message
		}
	}
	if errors.Is(err, errDepth) || strings.Contains(message, errDepth.Error()) {
		p.tooDeep(at)
		return
	}
	p.report(at, ruleSyntax, "correct the YAML, and quote text that contains special characters", "the file is not YAML: %s", message)
}

// unclosed reports a bracket at its own place: the library notices lines later that it is not closed.
func (p *parser) unclosed(le *yaml.LoadError) bool {
	closing, flow := map[string]string{"while parsing a flow sequence": "]", "while parsing a flow mapping": "}"}[le.ContextMsg]
	if !flow || le.ContextMark.Line == 0 || le.ContextMark.Line >= le.Mark.Line {
		return false
	}
	at := Pos{File: p.file, Line: le.ContextMark.Line, Column: max(le.ContextMark.Column, 1)}
	p.report(at, ruleSyntax, "close it with "+closing+", or separate its entries by commas", "the bracket that opens here is not closed before line %d", le.Mark.Line)
	return true
}

// colonless reports a line that lacks the colon of a key: the library notices it in the next one.
func (p *parser) colonless(le *yaml.LoadError) bool {
	if !strings.Contains(le.Message, "mapping values are not allowed") {
		return false
	}
	lines := bytes.Split(p.source.text, []byte("\n"))
	for i := min(le.Mark.Line, len(lines)) - 2; i >= 0; i-- {
		line := bytes.TrimSpace(lines[i])
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if !matches(`^[A-Za-z][A-Za-z0-9_.-]*$`, string(line)) {
			return false
		}
		at := Pos{File: p.file, Line: i + 1, Column: 1 + bytes.Index(lines[i], line)}
		p.report(at, ruleSyntax, fmt.Sprintf("write %s: with a colon", line), "%q is followed by what belongs to a key, but has no colon", line)
		return true
	}
	return false
}

func (p *parser) tooDeep(at Pos) {
	p.report(at, ruleDepth, "flatten it", "mappings and lists are nested more than %d deep", MaxDepth)
}

// checkTree refuses the constructs of YAML that let a file mean something else than it shows.
func (p *parser) checkTree(n *yaml.Node, depth int) bool {
	if depth > MaxDepth {
		p.tooDeep(p.pos(n))
		return false
	}
	ok := p.checkNode(n)
	for _, child := range n.Content {
		ok = p.checkTree(child, depth+1) && ok
	}
	return ok
}

func (p *parser) checkNode(n *yaml.Node) bool {
	switch {
	case n.Anchor != "":
		p.report(p.pos(n), ruleAlias, "remove it and write out what it stands for", "anchor %q is not allowed", n.Anchor)
	case n.Kind == yaml.AliasNode:
		p.report(p.pos(n), ruleAlias, "write out what it stands for", "alias %q is not allowed", n.Value)
	case n.Style&yaml.TaggedStyle != 0:
		p.report(p.pos(n), ruleTag, "remove it, and quote text that looks like something else", "tag %q is not allowed", n.Tag)
	case n.ShortTag() == "!!merge":
		p.report(p.pos(n), ruleAlias, "write out the keys", "merge keys are not allowed")
	default:
		return true
	}
	return false
}

func (p *parser) pos(n *yaml.Node) Pos {
	return Pos{File: p.file, Line: max(n.Line, 1), Column: max(n.Column, 1)}
}
