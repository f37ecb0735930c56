package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

const loopback = "127.0.0.1"

// listen opens a TCP listener on 127.0.0.1; port 0 chooses a free one.
func listen(what string, port int) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, occupied(what, port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen for %s: %w", what, err)
	}
	return l, nil
}

func occupied(what string, port int) error {
	return fmt.Errorf("port %d, wanted for %s, is occupied; stop what listens there or choose another port", port, what)
}

// requireDisk reports a folder whose file system has less than need bytes left.
func requireDisk(dir string, need uint64) error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return fmt.Errorf("read the free space of %s: %w", dir, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < need {
		return fmt.Errorf("%s has %d MB left, %d MB are needed; free some space or set TMPDIR and OMNINODE_CACHE to another disk", dir, free>>20, need>>20)
	}
	return nil
}

// poll calls f every interval until it says done or ctx ends, and then returns f's last error.
func poll(ctx context.Context, interval time.Duration, f func() (bool, error)) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		done, err := f()
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-tick.C:
		}
	}
}
