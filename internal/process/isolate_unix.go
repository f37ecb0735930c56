//go:build unix && !linux

package process

import (
	"os/exec"
	"syscall"
)

// Tie cannot be had outside Linux.
func Tie(*exec.Cmd, syscall.Signal) {}

// isolate cannot tie the child's life to ours outside Linux.
func isolate(cmd *exec.Cmd, _ syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
}
