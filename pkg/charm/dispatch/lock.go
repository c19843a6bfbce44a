package dispatch

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

// lockPatience is how long a dispatch waits for one that Juju has given up, for example because its unit agent was restarted.
const lockPatience = time.Minute

// Lock waits until no other dispatch of the unit runs on the machine with this root, and returns what ends the turn. The
// kernel ends it, too, when the process is gone.
func Lock(ctx context.Context, root, unit string) (release func(), err error) {
	folder := filepath.Join(root, v1alpha1.AgentDir, strings.ReplaceAll(unit, "/", "-"))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", unit, err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", unit, err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = pause.For(ctx, 100*time.Millisecond)
		}
		if err != nil {
			_ = file.Close()
			return nil, fmt.Errorf("cannot lock %s: another hook or action is still running: %w", unit, err)
		}
	}
}
