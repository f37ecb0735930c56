package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine prints what the figures were measured on.
func (b *bench) machine() {
	fmt.Fprintf(b.out, "%s, %d cores, %s of memory, load %s, %s %s/%s\n", time.Now().Format(time.DateOnly),
		runtime.NumCPU(), memory(), loadAverage(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

func memory() string {
	kib, err := procField("/proc/meminfo", "MemTotal:")
	if err != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d GiB", (kib+(1<<19))>>20)
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	one, _, _ := strings.Cut(string(raw), " ")
	return one
}

// residentBytes returns what of a process is in memory.
func residentBytes(pid int) (int64, error) {
	kib, err := procField(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	return kib << 10, err
}

// procField returns the number in KiB that follows a name in a file of /proc.
func procField(file, name string) (int64, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	for s := bufio.NewScanner(bytes.NewReader(raw)); s.Scan(); {
		if fields := strings.Fields(s.Text()); len(fields) > 1 && fields[0] == name {
			return strconv.ParseInt(fields[1], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", file, name)
}
