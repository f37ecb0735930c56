//go:build unix && !linux

package embedded

import (
	"context"
	"errors"
	"os"
)

func chooseUser(_ context.Context, bin, _ string) (runAs, error) {
	if os.Geteuid() == 0 {
		return runAs{}, errors.New("Postgres does not run as root; run as an ordinary user or set DATABASE_URL")
	}
	return runAs{bin: bin, owner: -1}, nil
}
