package vault

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// Start begins to renew the store's token and to log in again when it ends. It returns at once and
// may be called again.
func (s *Store) Start(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.cancel != nil {
		return nil
	}
	ctx, s.cancel = context.WithCancel(ctx)
	s.done = make(chan struct{})
	var keeping sync.WaitGroup
	keeping.Go(func() { s.keep(ctx) })
	keeping.Go(func() { s.issuer.keep(ctx) })
	go func(done chan<- struct{}) {
		defer close(done)
		keeping.Wait()
	}(s.done)
	return nil
}

// Stop ends what Start began, waits for it and revokes the store's token unless that was given to it. A
// store that was stopped must not be used.
func (s *Store) Stop(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	defer s.client.closeIdle()
	if s.cancel != nil {
		s.cancel()
		select {
		case <-s.done:
			s.cancel = nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.revoke(ctx)
}

func (s *Store) revoke(ctx context.Context) error {
	s.mu.Lock()
	token := s.token
	s.token = nil
	s.mu.Unlock()
	if token == nil || !s.login.owns() {
		return nil
	}
	_, err := s.client.write(ctx, "auth/token/revoke-self", nil)
	return err
}

// keep watches one token after the other until ctx ends.
func (s *Store) keep(ctx context.Context) {
	for ctx.Err() == nil {
		if s.watch(ctx) {
			continue
		}
		s.logInAgain(ctx)
	}
}

// watch renews the current token. It returns true when there is a newer one or ctx ended, and false
// when the token ends, which is the time to log in again.
func (s *Store) watch(ctx context.Context) bool {
	s.mu.Lock()
	token := s.token
	select {
	case <-s.fresh: // this is the newest token
	default:
	}
	s.mu.Unlock()
	if token.Auth.LeaseDuration == 0 {
		return s.superseded(ctx, math.MaxInt64)
	}
	w, err := s.client.api.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: token})
	if err != nil {
		s.log.ErrorContext(ctx, "vault token cannot be watched", "err", err)
		return false
	}
	ended := make(chan struct{})
	go func() { defer close(ended); w.Start() }()
	defer func() { w.Stop(); <-ended }()
	for {
		select {
		case <-ctx.Done():
			return true
		case <-s.fresh:
			return true
		case r := <-w.RenewCh():
			s.log.DebugContext(ctx, "vault token renewed", "ttl", time.Duration(r.Secret.Auth.LeaseDuration)*time.Second)
		case err := <-w.DoneCh():
			s.log.InfoContext(ctx, "vault token ends, logging in again", "err", err)
			return false
		}
	}
}

// superseded waits for d, and returns true at once when there is a newer token or ctx ended.
func (s *Store) superseded(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-s.fresh:
		return true
	case <-timer.C:
		return false
	}
}

// logInAgain tries until it succeeds or ctx ends, with growing pauses of at most 30 s. Without
// another token to try it waits for ctx.
func (s *Store) logInAgain(ctx context.Context) {
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		err := s.logIn(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		if errors.Is(err, errLastToken) {
			s.log.ErrorContext(ctx, "vault token has ended", "err", err)
			pause = math.MaxInt64
		} else {
			s.log.WarnContext(ctx, "vault login failed, trying again", "err", err, "pause", pause)
		}
		if s.superseded(ctx, pause) {
			return
		}
	}
}
