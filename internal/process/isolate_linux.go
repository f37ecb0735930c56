package process

import (
	"cmp"
	"os/exec"
	"syscall"
)

// Tie has cmd, which must be run by a goroutine that keeps its thread, die with this process (Linux).
func Tie(cmd *exec.Cmd, death syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = death
}

func isolate(cmd *exec.Cmd, death syscall.Signal) {
	Tie(cmd, cmp.Or(death, syscall.SIGKILL))
	cmd.SysProcAttr.Setpgid = true
}
