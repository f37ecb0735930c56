// Package deadletter is what a person does with the dead letters of a node: read them, send them back
// to be handled once more, or drop them. It decides and knows the records; a cluster is behind ports.
//
// What was done with a letter is a mark: a record on the letter's own topic and partition that names it.
// A mark comes after its letter and so is never deleted before it, and needs no topic and no database of
// its own. Nodes never read topics of dead letters.
package deadletter

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/onex/engine"
)

// Reader reads a cluster.
type Reader interface {
	// TopicsUnder returns the names of topics that begin with a prefix.
	TopicsUnder(ctx context.Context, prefix string) ([]string, error)
	// ReadTopics calls each for every committed record of topics, in order within a partition.
	ReadTopics(ctx context.Context, topics []string, each func(engine.Record)) error
}

// Status says what was done with a letter.
type Status string

// The statuses of a letter.
const (
	Open     Status = "open"     // nothing yet
	Replayed Status = "replayed" // it was sent back; if it failed again there is a later letter
	Dropped  Status = "dropped"
)

// Letter is a dead letter with what was done with it.
type Letter struct {
	engine.Letter

	ID     string // short name, from its place
	Size   int    // bytes of the payload that are kept
	Status Status
	Mark   Mark // zero of an open one
}

// Box is what the topics of a node's dead letters hold.
type Box struct {
	Node       string
	Topics     []string // sorted
	Letters    []Letter // oldest first
	Unreadable []string // records that are no letters, and why
}

// ErrNone says that a cluster has no topic of dead letters of a node.
var ErrNone = errors.New("there is no topic of dead letters")

// Read reads all letters of a node. Payloads are kept of those that keep says, which does not know what
// was done with them.
func Read(ctx context.Context, r Reader, node string, keep func(Letter) bool) (*Box, error) {
	topics, err := r.TopicsUnder(ctx, "onex.dlq."+node+".")
	if err != nil {
		return nil, err
	}
	if len(topics) == 0 {
		return nil, fmt.Errorf("node %s: %w", node, ErrNone)
	}
	slices.Sort(topics)
	b := &Box{Node: node, Topics: topics}
	marks := map[string]Mark{} // by place
	err = r.ReadTopics(ctx, topics, func(rec engine.Record) {
		if m, ok := readMark(rec); ok {
			if _, marked := marks[m.Letter]; !marked {
				marks[m.Letter] = m
			}
			return
		}
		l, err := engine.ReadLetter(rec)
		if err != nil {
			b.Unreadable = append(b.Unreadable, fmt.Sprintf("%s: %v", rec.Place(), err))
			return
		}
		b.add(Letter{Letter: l, ID: shortID(rec.Place()), Size: len(rec.Value), Status: Open}, keep)
	})
	if err != nil {
		return nil, err
	}
	for i := range b.Letters {
		l := &b.Letters[i]
		if m, ok := marks[l.Record.Place().String()]; ok {
			l.Status, l.Mark = m.Status, m
		}
	}
	slices.SortStableFunc(b.Letters, func(x, y Letter) int { return x.Time.Compare(y.Time) })
	return b, nil
}

func (b *Box) add(l Letter, keep func(Letter) bool) {
	if !keep(l) {
		l.Record.Value = nil
	}
	b.Letters = append(b.Letters, l)
}

// shortID names a letter for people: letters of one node hardly ever share one, and if they do, more of
// it or the place tells them apart.
func shortID(at engine.Place) string {
	sum := sha256.Sum256([]byte(at.String()))
	return hex.EncodeToString(sum[:6])
}

// Named reports whether a letter is meant by a short id, the beginning of one, or a place.
func (l Letter) Named(id string) bool {
	return l.Record.Place().String() == id || len(id) >= 4 && strings.HasPrefix(l.ID, id)
}

// Filter selects letters; the zero Filter selects all that are open.
type Filter struct {
	IDs         []string // any of them, whatever else is wanted
	Class       engine.Class
	Input       string // message type, or a part of its name
	Key         string
	Error       string // part of the error
	Correlation string
	Since       time.Time // of the burial
	All         bool      // also those that are not open
}

// IsZero reports whether f says nothing about which letters.
func (f Filter) IsZero() bool {
	return len(f.IDs) == 0 && f.Class == "" && f.Input == "" && f.Key == "" && f.Error == "" && f.Correlation == "" && f.Since.IsZero()
}

// Matches reports whether a letter is selected, whatever was done with it.
func (f Filter) Matches(l Letter) bool {
	if len(f.IDs) > 0 && !slices.ContainsFunc(f.IDs, l.Named) {
		return false
	}
	return (f.Class == "" || l.Class == f.Class) &&
		(f.Input == "" || strings.Contains(l.Input(), f.Input)) &&
		(f.Key == "" || l.Record.Key == f.Key) &&
		(f.Error == "" || strings.Contains(strings.ToLower(l.Error), strings.ToLower(f.Error))) &&
		(f.Correlation == "" || l.CorrelationID == f.Correlation) &&
		!l.Time.Before(f.Since)
}

// Select returns the letters a filter selects, oldest first.
func (b *Box) Select(f Filter) []Letter {
	var list []Letter
	for _, l := range b.Letters {
		if f.Matches(l) && (f.All || len(f.IDs) > 0 || l.Status == Open) {
			list = append(list, l)
		}
	}
	return list
}

// Unknown returns those ids that name no letter, or more than one.
func (b *Box) Unknown(ids []string) []string {
	var list []string
	for _, id := range ids {
		n := 0
		for _, l := range b.Letters {
			if l.Named(id) {
				n++
			}
		}
		switch {
		case n == 0:
			list = append(list, fmt.Sprintf("%s names no letter of node %s", id, b.Node))
		case n > 1:
			list = append(list, fmt.Sprintf("%s names %d letters: give more of it", id, n))
		}
	}
	return list
}
