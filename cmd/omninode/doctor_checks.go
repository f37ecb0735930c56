package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/mod/semver"

	"github.com/omninode-ai/omninode/internal/local"
	"github.com/omninode-ai/omninode/internal/pipeline"
	"github.com/omninode-ai/omninode/onex/onextest/embedded"
)

// What the commands need. The pipeline's figures include what ci/airgap makes.
const (
	minGo            = "v1.26.0"
	e2eDisk          = 1 << 30
	pipelineDisk     = 16 << 30
	e2eMemory        = 1 << 30
	pipelineMemory   = 4 << 30
	checkTimeout     = 5 * time.Second
	nameDagger       = "dagger"
	nameRegistry     = "registry"
	installGo        = "install Go 1.26 or newer and put it in PATH"
	pipelineCost     = "make pipeline (omninode e2e --on real) does not run"
	airgapMakesThese = "nothing to do: make pipeline makes it with " + pipeline.AirgapCommand + " up (about 13 minutes once)"
)

// machine is where the checks look.
type machine struct {
	root string // of the module
	env  func(string) (string, bool)
}

func (m machine) output(ctx context.Context, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = m.root
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

func (m machine) goToolchain(ctx context.Context) finding {
	f := finding{Name: "go", Level: levelBroken, Cost: "nothing can be built: make e2e, generate and test", Remedy: installGo}
	v, err := m.output(ctx, "go", "env", "GOVERSION")
	switch {
	case err != nil:
		f.Found = "go does not run: " + reason(err)
	case semver.Compare("v"+strings.TrimPrefix(v, "go"), minGo) < 0:
		f.Found = v + " is older than " + strings.TrimPrefix(minGo, "v")
	default:
		f = finding{Name: "go", Level: levelOK, Found: v}
	}
	return f
}

// reason shortens an error of a program to what a person needs.
func reason(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return firstLine(strings.TrimSpace(string(exit.Stderr)))
	}
	return err.Error()
}

func (m machine) disk(context.Context) finding {
	f := finding{Name: "disk", Level: levelOK}
	dirs := []string{os.TempDir()}
	if cache, err := embedded.CacheDir(); err == nil {
		dirs = append(dirs, existing(cache))
	}
	least := uint64(1 << 62)
	for _, dir := range dirs {
		var st syscall.Statfs_t
		if syscall.Statfs(dir, &st) != nil {
			continue
		}
		if free := st.Bavail * uint64(st.Bsize); free < least {
			least = free
			f.Found = fmt.Sprintf("%s free in %s", size(free), dir)
		}
	}
	return limits(f, least, e2eDisk, pipelineDisk, "free some, or set TMPDIR and OMNINODE_CACHE to another disk")
}

// existing returns the nearest ancestor of dir that exists.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// limits grades an amount by what the two ways to run the scenarios need.
func limits(f finding, have, e2eNeeds, pipelineNeeds uint64, remedy string) finding {
	switch {
	case have < e2eNeeds:
		f.Level, f.Cost, f.Remedy = levelBroken, fmt.Sprintf("make e2e needs %s", size(e2eNeeds)), remedy
	case have < pipelineNeeds:
		f.Level, f.Cost, f.Remedy = levelMissing, fmt.Sprintf("make pipeline needs %s", size(pipelineNeeds)), remedy
	}
	return f
}

func size(bytes uint64) string {
	return strconv.FormatFloat(float64(bytes)/(1<<30), 'f', 1, 64) + " GiB"
}

func (m machine) memory(context.Context) finding {
	f := finding{Name: "memory", Level: levelOK, Found: "not known on this system"}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return f
	}
	available := memAvailable(string(text))
	f.Found = size(available) + " available"
	return limits(f, available, e2eMemory, pipelineMemory, "stop other programs, or use a larger machine")
}

// memAvailable reads the bytes a new program can use from /proc/meminfo.
func memAvailable(text string) uint64 {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[0] == "MemAvailable:" {
			kb, _ := strconv.ParseUint(fields[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}

func (m machine) postgres(context.Context) finding {
	if v, _ := m.env("DATABASE_URL"); v != "" {
		return finding{Name: "postgres", Level: levelOK, Found: "the server of DATABASE_URL"}
	}
	cache, err := embedded.CacheDir()
	if err != nil {
		return finding{Name: "postgres", Level: levelBroken, Found: err.Error(), Cost: "make e2e has no database", Remedy: "set OMNINODE_CACHE or DATABASE_URL"}
	}
	if _, err := os.Stat(filepath.Join(cache, "postgres-"+embedded.PostgresVersion)); err == nil {
		return finding{Name: "postgres", Level: levelOK, Found: embedded.PostgresVersion + " in " + cache}
	}
	return finding{Name: "postgres", Level: levelOK, Found: embedded.PostgresVersion + " is not there yet; the first run downloads 15 MB"}
}

func (m machine) ports(ctx context.Context) finding {
	var taken []string
	for _, p := range local.DevPorts() {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
		if err != nil {
			taken = append(taken, fmt.Sprintf("%d (%s)", p.Port, p.Name))
			continue
		}
		_ = l.Close()
	}
	if len(taken) > 0 {
		return finding{
			Name: "ports", Level: levelMissing, Found: "occupied: " + strings.Join(taken, ", "),
			Cost: "omninode dev does not start on its usual ports", Remedy: "stop what listens there (it may be omninode dev itself), or use omninode dev --free-ports",
		}
	}
	return finding{Name: "ports", Level: levelOK, Found: "those of omninode dev are free"}
}

func (m machine) docker(ctx context.Context) finding {
	f := finding{Name: "docker", Level: levelMissing, Cost: pipelineCost}
	if _, err := exec.LookPath("docker"); err != nil {
		f.Found, f.Remedy = "no docker client in PATH", airgapMakesThese
		return f
	}
	v, err := m.output(ctx, "docker", "version", "--format", "{{.Server.Version}}")
	if err != nil {
		f.Found = "no daemon answers: " + reason(err)
		f.Remedy = "start dockerd; as root " + pipeline.AirgapCommand + " up does it"
		return f
	}
	return finding{Name: "docker", Level: levelOK, Found: "daemon " + v}
}

func (m machine) dagger(ctx context.Context) finding {
	found, err := pipeline.FindDagger(ctx, m.root, m.env)
	if err != nil {
		return finding{Name: nameDagger, Level: levelMissing, Found: err.Error(), Cost: pipelineCost, Remedy: airgapMakesThese}
	}
	return finding{Name: nameDagger, Level: levelOK, Found: found}
}

func (m machine) registry(ctx context.Context) finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := pipeline.PingRegistry(ctx); err != nil {
		return finding{
			Name: nameRegistry, Level: levelMissing, Found: "no container registry answers: " + err.Error(),
			Cost: "official images cannot be pulled", Remedy: airgapMakesThese,
		}
	}
	return finding{Name: nameRegistry, Level: levelOK, Found: "a container registry answers"}
}

func (m machine) cgroup(context.Context) finding {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return finding{Name: "cgroup", Level: levelOK, Found: "version 2"}
	}
	if _, err := os.Stat("/sys/fs/cgroup"); err != nil {
		return finding{Name: "cgroup", Level: levelOK, Found: "none on this system; Docker brings its own"}
	}
	return finding{
		Name: "cgroup", Level: levelMissing, Found: "version 1",
		Cost: "a Kubernetes node here needs failCgroupV1: false; make e2e and make pipeline do not mind", Remedy: "boot with systemd.unified_cgroup_hierarchy=1",
	}
}
