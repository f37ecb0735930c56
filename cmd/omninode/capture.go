package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/omninode-ai/omninode/internal/process"
)

// captureGrace is how long a captured program may take to stop.
const captureGrace = 9 * time.Second

// newCaptureCommand runs a program and keeps what it writes also in a file. Images of nodes have no
// shell that could do it.
func newCaptureCommand(a *app) *cobra.Command {
	var file string
	c := &cobra.Command{
		Use:    "capture --log FILE -- PROGRAM [ARGUMENT...]",
		Short:  "run a program with its output also written to a file",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			log, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
			if err != nil {
				return mistake(codeUnwritable, err, "")
			}
			defer log.Close()
			program := exec.Command(args[0], args[1:]...) //nolint:noctx // wait stops it in order, a context would kill it
			p, err := process.Start(program, process.Config{Log: io.MultiWriter(a.stdout, log)})
			if err != nil {
				return lacking(codeUnreadable, err, "")
			}
			return wait(c.Context(), p)
		},
	}
	c.Flags().StringVar(&file, "log", "", "file to append to")
	_ = c.MarkFlagRequired("log")
	return c
}

// wait waits for p, stops it when ctx ends, and passes its exit code on.
func wait(ctx context.Context, p *process.Process) error {
	select {
	case <-p.Done():
	case <-ctx.Done():
		_ = p.Stop(captureGrace, syscall.SIGTERM)
	}
	if exit, ok := errors.AsType[*exec.ExitError](p.Err()); ok {
		return silent(max(1, exit.ExitCode()))
	}
	return p.Err()
}

// newForwardCommand makes services of the pipeline reachable under one host name. A port is opened
// only when its service accepts connections.
func newForwardCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:    "forward HOST:PORT...",
		Short:  "listen on each port and pass connections on to that host",
		Hidden: true,
		Args:   cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			g, ctx := errgroup.WithContext(c.Context())
			for _, address := range args {
				g.Go(func() error { return a.forwardTo(ctx, address) })
			}
			if err := g.Wait(); err != nil {
				return lacking(codeNotReady, err, "")
			}
			return nil
		},
	}
}

func (a *app) forwardTo(ctx context.Context, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if err := await(ctx, time.Minute, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return conn.Close()
	}); err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":"+port)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "port %s is %s\n", port, address)
	return forward(ctx, l, address)
}

// forward passes the connections of l on to address until ctx ends.
func forward(ctx context.Context, l net.Listener, address string) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		in, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		go func() {
			defer in.Close()
			out, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return
			}
			defer out.Close()
			join(in, out)
		}()
	}
}

// join copies both ways until both have ended; the end of one direction is passed on.
func join(a, b net.Conn) {
	done := make(chan struct{})
	go func() {
		copyHalf(a, b)
		close(done)
	}()
	copyHalf(b, a)
	<-done
}

func copyHalf(dst, src net.Conn) {
	_, _ = io.Copy(dst, src)
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
