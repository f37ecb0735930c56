// Package failpoint ends or stops a process at a named step of its delivery, and switches planted
// bugs on. Calls of it are not in the source of the steps: a fault run puts them there with an
// overlay of the build, so that what ships holds none.
//
// It is told what to do by the environment: FAULTS_AT ("step:n") kills the process when the step is
// reached the n-th time, FAULTS_ABORT ("step:percent") lets Abort say yes that often, FAULTS_TWIN
// names planted bugs. FAULTS_ARM is a file that holds "step" while SIGUSR1 asks the process to stop
// itself (SIGSTOP) at that step. FAULTS_PROTOCOL is how the members of a group share partitions. What was done is appended to the file FAULTS_HITS, a line each.
package failpoint

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The environment variables that say what to do.
const (
	AtEnv    = "FAULTS_AT"
	AbortEnv = "FAULTS_ABORT"
	TwinEnv  = "FAULTS_TWIN"
	ArmEnv   = "FAULTS_ARM"
	HitsEnv  = "FAULTS_HITS"

	ProtocolEnv = "FAULTS_PROTOCOL"
)

// plan is what this process was told.
type plan struct {
	step    string
	left    atomic.Int64 // times the step is still passed
	abort   string
	percent int
	twins   []string
	armed   atomic.Pointer[string]

	generation atomic.Int32
}

//nolint:gochecknoglobals // steps all over a program ask for it, and it is read from the environment once
var current = sync.OnceValue(read)

func read() *plan {
	p := &plan{twins: strings.Split(os.Getenv(TwinEnv), ",")}
	var n int
	p.step, n = pair(os.Getenv(AtEnv))
	p.left.Store(int64(n))
	p.abort, p.percent = pair(os.Getenv(AbortEnv))
	if file := os.Getenv(ArmEnv); file != "" {
		arming := make(chan os.Signal, 1)
		signal.Notify(arming, syscall.SIGUSR1)
		go func() { // ends with the process
			for range arming {
				if raw, err := os.ReadFile(file); err == nil {
					step := strings.TrimSpace(string(raw))
					p.armed.Store(&step)
				}
			}
		}()
	}
	return p
}

func pair(text string) (name string, n int) {
	name, number, _ := strings.Cut(text, ":")
	n, err := strconv.Atoi(number)
	if err != nil {
		n = 1
	}
	return name, n
}

// Start makes the process ready to be armed.
func Start() { current() }

// Hit says that a step is reached; the process may not get beyond it.
func Hit(step string) {
	p := current()
	if step == p.step && p.left.Add(-1) == 0 {
		Die(step)
	}
	if armed := p.armed.Load(); armed != nil && *armed == step && p.armed.CompareAndSwap(armed, nil) {
		Note("stop " + step)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
	}
}

// Die ends the process at a step.
func Die(step string) {
	Note("kill " + step)
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// Abort reports whether what is being done at a step should be undone.
func Abort(step string) bool {
	p := current()
	if step != p.abort || rand.IntN(100) >= p.percent { //nolint:gosec // chance is all that is wanted
		return false
	}
	Note("abort " + step)
	return true
}

// Twin reports whether a planted bug is switched on.
func Twin(name string) bool { return slices.Contains(current().twins, name) }

// Choose returns one of two values: the planted bug's if that is switched on.
func Choose[T any](twin string, sound, planted T) T {
	if Twin(twin) {
		return planted
	}
	return sound
}

// Suffix is a planted bug's: something that another process does not have.
func Suffix(twin string) string {
	if !Twin(twin) {
		return ""
	}
	return "-" + strconv.Itoa(os.Getpid())
}

// Protocol returns what makes a member share partitions in another way than it ships: by range, where a
// rebalance takes everything from everybody, or as the broker decides (KIP-848).
func Protocol() []kgo.Opt {
	switch os.Getenv(ProtocolEnv) {
	case "range":
		return []kgo.Opt{kgo.Balancers(kgo.RangeBalancer())}
	case "kip-848":
		return []kgo.Opt{kgo.ServerSideBalancer()}
	}
	return nil
}

// SetGeneration keeps the group's generation for the planted bug that takes it for a fence.
func SetGeneration(n int32) { current().generation.Store(n) }

// Generation returns it as SQL.
func Generation() string { return strconv.Itoa(int(current().generation.Load())) }

// Note counts something that happened.
func Note(what string) {
	f, err := os.OpenFile(os.Getenv(HitsEnv), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	fmt.Fprintln(f, what)
}
