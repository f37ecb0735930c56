package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/omninode-ai/omninode/e2e/faults/failpoint"
	"github.com/omninode-ai/omninode/e2e/faults/roles"
	"github.com/omninode-ai/omninode/onex"
	"github.com/omninode-ai/omninode/onex/event"
)

// The bounds of R4.
const (
	stormEvery      = 500 * time.Millisecond
	stormRate       = 0.5 // of the rate before it
	stormPartitions = 6
	stormKeys       = 240
)

// protocol is one way in which the members of a group share its partitions.
type protocol struct {
	name    string
	patched string // what the patched program is told; "": the program as it ships
	kills   bool   // members do not leave: they are killed and come back under their names
	ships   bool   // what a node uses; of the others only speed is not judged
}

func protocols(h *harness) []protocol {
	all := []protocol{
		{name: "cooperative-sticky", ships: true},
		{name: "static, killed", kills: true, ships: true},
		{name: "range", patched: "range"},
		{name: "KIP-848", patched: "kip-848"},
	}
	return pick(h, all[:1], all)
}

// rebalanceStorm is R4.
func rebalanceStorm(ctx context.Context, h *harness) (string, error) {
	var told []string
	for _, p := range protocols(h) {
		text, err := h.stormBy(ctx, p)
		if err != nil {
			return "", fmt.Errorf("%s: %w", p.name, err)
		}
		h.logf("%s: %s", p.name, text)
		told = append(told, p.name+": "+text)
	}
	return strings.Join(told, "; "), nil
}

// storm is a compute and the reducer behind it, whose members come and go.
type storm struct {
	h            *harness
	bus          *bus
	by           protocol
	double, fold roles.Role
	feed         *feeder
	tally        *tally
	members      map[string][]*proc // by node; the first two stay
	names        int
	joins, exits int
	leaving      []chan error
}

func (h *harness) stormBy(ctx context.Context, by protocol) (string, error) {
	b, err := h.bus()
	if err != nil {
		return "", err
	}
	defer b.close()
	s := &storm{h: h, bus: b, by: by, members: map[string][]*proc{}}
	source := roles.Ask(h.name("double"), "ask")
	s.double = roles.Role{Name: source.Ref.Node, Kind: onex.Compute, Inputs: []event.Topic{source}}
	s.fold = roles.Role{Name: h.name("fold"), Kind: onex.Reducer, Inputs: []event.Topic{roles.Out(s.double.Name)}, TakesMs: 30}
	if err := h.prepare(ctx, s.double.Name, s.fold.Name); err != nil {
		return "", err
	}
	if err := b.createWide(ctx, stormPartitions, source, roles.Out(s.double.Name), roles.Out(s.fold.Name)); err != nil {
		return "", err
	}
	s.feed = b.feed(ctx, source, stormKeys)
	defer s.feed.stop()
	s.tally = h.tally(ctx, s.fold.Name)
	defer s.tally.end()
	for range 2 {
		if err := errors.Join(s.join(ctx, s.double), s.join(ctx, s.fold)); err != nil {
			return "", err
		}
	}
	for _, p := range append(s.members[s.double.Name], s.members[s.fold.Name]...) {
		if err := p.awaitReady(ctx); err != nil {
			return "", err
		}
	}
	return s.measure(ctx)
}

// join starts another member.
func (s *storm) join(ctx context.Context, r roles.Role) error {
	s.names++
	p, err := s.h.launch(ctx, spec{
		role: r, instance: fmt.Sprintf("m%d", s.names), patched: s.by.patched != "",
		env: map[string]string{failpoint.ProtocolEnv: s.by.patched},
	})
	if err == nil {
		s.members[r.Name] = append(s.members[r.Name], p)
	}
	return err
}

// measure compares the rate in the storm with that before it, and judges what came out.
func (s *storm) measure(ctx context.Context) (string, error) {
	s.feed.ahead(3_000, s.tally.now)
	warm := eventually(ctx, time.Minute, "the first records are folded", func(context.Context) error {
		if s.tally.now() < 500 {
			return fmt.Errorf("%d are", s.tally.now())
		}
		return nil
	})
	if warm != nil {
		return "", warm
	}
	steady, err := s.tally.rate(func() error { return sleep(ctx, pick(s.h, 3*time.Second, 15*time.Second)) })
	if err != nil {
		return "", err
	}
	stormy, err := s.tally.rate(func() error { return s.rage(ctx, pick(s.h, 10*time.Second, time.Minute)) })
	if err != nil {
		return "", err
	}
	s.feed.stop()
	sent, err := s.feed.end()
	if err != nil {
		return "", err
	}
	for _, left := range s.leaving {
		if err := <-left; err != nil {
			return "", err
		}
	}
	drained := s.h.await(ctx, s.fold.Name, int64(sent), 30*time.Second)
	s.h.endProcesses()
	takeovers, resent, err := s.judge(ctx)
	if err = errors.Join(err, drained); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%d joins, %d leaves, %d partitions changed hands; %d records, 0 lost, 0 twice, 0 ms of double ownership; "+
		"%.0f records/s in the storm, %.0f before it, %.0f %%; %d resends recognised", s.joins, s.exits, takeovers, sent, stormy, steady,
		100*stormy/steady, resent)
	switch {
	case takeovers == 0 || s.joins == 0 || s.exits == 0:
		return "", fmt.Errorf("nothing changed hands, so nothing is proved: %s", text)
	case stormy < stormRate*steady && s.by.ships && s.h.twin == "":
		return "", violatedf("too slow: %s", text)
	}
	return text, nil
}

// rage has a member join or leave twice a second.
func (s *storm) rage(ctx context.Context, long time.Duration) error {
	until := time.Now().Add(long)
	for i := 0; time.Now().Before(until); i++ {
		begun := time.Now()
		r := s.fold
		if i%2 == 1 {
			r = s.double
		}
		if err := s.change(ctx, r); err != nil {
			return err
		}
		if err := sleep(ctx, stormEvery-time.Since(begun)); err != nil {
			return err
		}
	}
	return nil
}

// change has one more member or one less; who is killed comes back at once under its name.
func (s *storm) change(ctx context.Context, r roles.Role) error {
	list := s.members[r.Name]
	if s.by.kills {
		i := s.h.random.IntN(len(list))
		next, err := list[i].again(ctx)
		if err == nil {
			list[i] = next
			s.joins, s.exits = s.joins+1, s.exits+1
		}
		return err
	}
	if len(list) == 2 || len(list) < 4 && s.h.random.IntN(2) == 0 {
		s.joins++
		return s.join(ctx, r)
	}
	i := 2 + s.h.random.IntN(len(list)-2)
	p := list[i]
	s.members[r.Name] = append(list[:i:i], list[i+1:]...)
	s.exits++
	if err := p.broken(); err != nil {
		return err
	}
	left := make(chan error, 1)
	s.leaving = append(s.leaving, left)
	go func() {
		_, err := p.leave()
		left <- err
	}()
	return nil
}

// judge checks the whole history.
func (s *storm) judge(ctx context.Context) (takeovers, resent int, err error) {
	history, err := s.h.moves(ctx, s.fold.Name)
	if err != nil {
		return 0, 0, err
	}
	if takeovers, err = checkFence(history); err != nil {
		return 0, 0, err
	}
	sent, err := s.bus.read(ctx, s.feed.to.String(), true)
	if err != nil {
		return 0, 0, err
	}
	made, err := s.bus.read(ctx, roles.Out(s.double.Name).String(), true)
	if err != nil {
		return 0, 0, err
	}
	done, err := s.bus.read(ctx, roles.Out(s.fold.Name).String(), true)
	if err != nil {
		return 0, 0, err
	}
	if err := checkMirror("compute", sent, made, func(id string) string { return derived(id, s.double.Name) }); err != nil {
		return 0, 0, err
	}
	if resent, err = checkSequence("reducer", done, derivedIDs(s.feed.want, s.double.Name, s.fold.Name)); err != nil {
		return 0, 0, err
	}
	if err := checkIntervals(done); err != nil {
		return 0, 0, err
	}
	return takeovers, resent, s.h.checkFold(ctx, s.fold.Name, s.feed.want, s.double.Name)
}
