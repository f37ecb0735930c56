// Package editor serves the contract language to editors: a language server on two streams.
//
// It shows what omninode validate says while somebody types, offers the fixes, explains keys by the
// grammar, completes keys and references and leads to what a reference names. Contracts that are
// open in the editor count as they stand there, saved or not; the others as they are on disk. The
// server writes no file.
package editor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/creachadair/jrpc2"
	"github.com/creachadair/jrpc2/channel"
	"github.com/creachadair/jrpc2/handler"

	"github.com/omninode-ai/omninode/contract"
)

// ErrNoShutdown is returned by Serve if the editor went away without saying so.
var ErrNoShutdown = errors.New("the editor ended the connection without a shutdown")

// server is one connection to an editor.
type server struct {
	version string
	space   workspace
	rpc     *jrpc2.Server
	dirty   chan struct{} // holds a token if something changed since the last check

	mu        sync.Mutex
	published map[string]string // last diagnostics by URI, as JSON
	shutdown  bool
	exit      context.CancelFunc
}

// Serve answers an editor until it says exit, the stream ends or ctx is done.
func Serve(ctx context.Context, in io.Reader, out io.WriteCloser, version string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &server{
		version: version, dirty: make(chan struct{}, 1), published: map[string]string{}, exit: cancel,
		space: workspace{open: map[string][]byte{}},
	}
	s.rpc = jrpc2.NewServer(s.methods(), &jrpc2.ServerOptions{AllowPush: true, DisableBuiltin: true, Concurrency: 1})
	s.rpc.Start(channel.LSP(in, out))
	ended := make(chan error, 1)
	go func() { ended <- s.rpc.Wait() }()
	for {
		select {
		case <-s.dirty:
			s.publish(ctx)
		case err := <-ended:
			return s.end(err)
		case <-ctx.Done():
			return s.end(nil)
		}
	}
}

func (s *server) end(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && !s.shutdown {
		return ErrNoShutdown
	}
	return err
}

func (s *server) methods() handler.Map {
	return handler.Map{
		"initialize":                      handler.New(s.initialize),
		"initialized":                     handler.New(s.changed),
		"shutdown":                        handler.New(s.stop),
		"exit":                            handler.New(s.leave),
		"textDocument/didOpen":            handler.New(s.didOpen),
		"textDocument/didChange":          handler.New(s.didChange),
		"textDocument/didClose":           handler.New(s.didClose),
		"textDocument/didSave":            handler.New(s.changed),
		"workspace/didChangeWatchedFiles": handler.New(s.changed),
		"textDocument/hover":              handler.New(s.hover),
		"textDocument/definition":         handler.New(s.definition),
		"textDocument/completion":         handler.New(s.completion),
		"textDocument/codeAction":         handler.New(s.actions),
	}
}

func (s *server) initialize(_ context.Context, p initializeParams) (initializeResult, error) {
	folders := p.Folders
	if len(folders) == 0 {
		folders = []folder{{p.RootURI}}
	}
	for _, f := range folders {
		if path := pathOf(f.URI); path != "" {
			s.space.addRoots(filepath.Clean(path))
		}
	}
	return initializeResult{
		Capabilities: capabilities{
			TextDocumentSync: 1, HoverProvider: true, DefinitionProvider: true, CodeActionProvider: true,
			CompletionProvider: completionOptions{TriggerCharacters: []string{" ", "[", "/", "{"}},
		},
		ServerInfo: serverInfo{Name: "omninode", Version: s.version},
	}, nil
}

func (s *server) stop(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shutdown = true
	return nil
}

func (s *server) leave(context.Context) error {
	s.exit()
	return nil
}

// changed asks for a check; several changes in a row are checked once.
func (s *server) changed(context.Context) error {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
	return nil
}

func (s *server) didOpen(ctx context.Context, p documentParams) error {
	return s.take(ctx, p.TextDocument.URI, p.TextDocument.Text)
}

func (s *server) didChange(ctx context.Context, p changeParams) error {
	if len(p.ContentChanges) == 0 {
		return nil
	}
	return s.take(ctx, p.TextDocument.URI, p.ContentChanges[len(p.ContentChanges)-1].Text)
}

func (s *server) take(ctx context.Context, uri, text string) error {
	path := pathOf(uri)
	if path == "" {
		return fmt.Errorf("%q names no file", uri)
	}
	s.space.set(path, append([]byte{}, text...))
	return s.changed(ctx)
}

func (s *server) didClose(ctx context.Context, p documentParams) error {
	s.space.set(pathOf(p.TextDocument.URI), nil)
	return s.changed(ctx)
}

// publish checks every fleet and tells the editor what changed.
func (s *server) publish(ctx context.Context) {
	found := map[string][]diagnostic{}
	for _, dir := range s.space.fleets() {
		files := s.space.files(dir)
		for path := range files {
			found[uriOf(path)] = []diagnostic{}
		}
		for _, d := range check(files) {
			found[uriOf(d.File)] = append(found[uriOf(d.File)], s.diagnostic(d))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for uri := range s.published {
		if _, ok := found[uri]; !ok {
			found[uri] = []diagnostic{}
		}
	}
	for uri, ds := range found {
		raw, err := json.Marshal(ds)
		last, known := s.published[uri]
		if err != nil || last == string(raw) || !known && len(ds) == 0 && !s.space.has(uri) {
			continue
		}
		s.published[uri] = string(raw)
		if s.rpc.Notify(ctx, "textDocument/publishDiagnostics", publishParams{uri, ds}) != nil {
			return // the connection ends, which Serve notices
		}
	}
}

// has tells whether the editor has a file open.
func (w *workspace) has(uri string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, ok := w.open[pathOf(uri)]
	return ok
}

func (s *server) diagnostic(d contract.Diagnostic) diagnostic {
	out := diagnostic{
		Range: spanOf(s.space.text(d.File), d.Pos), Severity: 1, Code: d.Rule, Source: "omninode",
		Message: d.Message + "\n" + d.Fix,
	}
	for _, r := range d.Related {
		out.Related = append(out.Related, related{location{uriOf(r.File), spanOf(s.space.text(r.File), r.Pos)}, r.Message})
	}
	return out
}

// actions offers the fixes of the diagnostics in a range, and all mechanical ones of the contract.
func (s *server) actions(_ context.Context, p actionParams) ([]codeAction, error) {
	path := pathOf(p.TextDocument.URI)
	files := s.space.files(fleetOf(path))
	list, mechanical := []codeAction{}, false
	for _, d := range check(files) {
		mechanical = mechanical || d.File == path && len(d.Edits) > 0
		shown := s.diagnostic(d)
		if d.File != path || shown.Range.End.Line < p.Range.Start.Line || shown.Range.Start.Line > p.Range.End.Line {
			continue
		}
		if len(d.Edits) > 0 {
			list = append(list, codeAction{d.Fix, "quickfix", []diagnostic{shown}, true, changes(files, d.Edits)})
		}
		if len(d.Paste) > 0 {
			list = append(list, codeAction{d.Fix, "quickfix", []diagnostic{shown}, false, changes(files, d.Paste)})
		}
	}
	if !mechanical {
		return list, nil
	}
	if fixed, ok := contract.Fix(files, check).Files[path]; ok {
		whole := contract.Edit{File: path, End: len(files[path]), Text: string(fixed)}
		list = append(list, codeAction{Title: "correct what is mechanical", Kind: "source.fixAll", Edit: changes(files, []contract.Edit{whole})})
	}
	return list, nil
}

func changes(files map[string][]byte, list []contract.Edit) workspaceEdit {
	out := workspaceEdit{Changes: map[string][]textEdit{}}
	for _, e := range list {
		uri := uriOf(e.File)
		out.Changes[uri] = slices.Concat(out.Changes[uri], edits(files[e.File], []contract.Edit{e}))
	}
	return out
}
