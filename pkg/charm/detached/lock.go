package detached

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pause"
)

// ErrRuns says that a work runs that was begun before.
var ErrRuns = errors.New("what an action began before is still running")

// wake is how often Wait looks.
const wake = 200 * time.Millisecond

// Folder is where the agent of a unit keeps its locks, on the machine with this root.
func Folder(root, unit string) string {
	return filepath.Join(root, v1alpha1.AgentDir, strings.ReplaceAll(unit, "/", "-"))
}

// Wait returns when no work of the unit runs.
func Wait(ctx context.Context, root, unit string) error {
	for {
		file, err := lock(root, unit)
		if err == nil {
			return file.Close()
		}
		if errors.Is(err, ErrRuns) {
			err = pause.For(ctx, wake)
		}
		if err != nil {
			return fmt.Errorf("cannot wait for what runs for %s in a systemd unit of its own: %w", unit, err)
		}
	}
}

// lock returns the file of the order, with its lock, which the file's last holder gives back.
func lock(root, unit string) (*os.File, error) {
	folder := Folder(root, unit)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the folder of %s: %w", unit, err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "work"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot open the order's file: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrRuns
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return file, nil
}
