package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// nobody has a passwd entry everywhere; initdb needs one.
const nobody = 65534

// chooseUser decides how to run the server. As root it prefers a user namespace in which root's
// own files belong to an unprivileged id, because that works below folders only root can enter;
// where namespaces are refused it drops to the user nobody.
func chooseUser(ctx context.Context, bin, dir string) (runAs, error) {
	if os.Geteuid() != 0 {
		return runAs{bin: bin, owner: -1}, nil
	}
	mapped := runAs{bin: bin, owner: -1, attr: &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: nobody, HostID: 0, Size: 1}},
	}}
	if mapped.command(ctx, "postgres", "--version").Run() == nil {
		return mapped, nil
	}
	return dropTo(ctx, bin, dir)
}

// dropTo prepares dir for the user nobody; binaries that nobody cannot reach are copied there.
func dropTo(ctx context.Context, bin, dir string) (runAs, error) {
	if err := os.Chown(dir, nobody, nobody); err != nil {
		return runAs{}, fmt.Errorf("give the data folder to an unprivileged user: %w", err)
	}
	dropped := runAs{bin: bin, owner: nobody, attr: &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
	}}
	if dropped.command(ctx, "postgres", "--version").Run() == nil {
		return dropped, nil
	}
	dropped.bin = filepath.Join(dir, "binaries")
	if _, err := os.Stat(dropped.bin); err != nil {
		if err := os.CopyFS(dropped.bin, os.DirFS(bin)); err != nil {
			return runAs{}, fmt.Errorf("copy the Postgres binaries: %w", err)
		}
	}
	if err := dropped.command(ctx, "postgres", "--version").Run(); err != nil {
		return runAs{}, fmt.Errorf("run Postgres as an unprivileged user: %w; run as an ordinary user, set TMPDIR to a folder every user can enter, or set DATABASE_URL", err)
	}
	return dropped, nil
}
