package dispatch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/pause"
)

// lockPatience is how long a dispatch waits for one that Juju has given up, for example because its unit agent was restarted.
const lockPatience = time.Minute

// Lock waits until no other dispatch of the unit runs on the machine with this root, nor what one has begun that was not to
// end with Juju's agent, and returns what ends the turn. The kernel ends it, too, when the process is gone.
func Lock(ctx context.Context, root, unit string) (release func(), err error) {
	folder := detached.Folder(root, unit)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", unit, err)
	}
	file, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", unit, err)
	}
	if err = turn(ctx, file, unit); err == nil {
		err = detached.Wait(ctx, root, unit)
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return func() { _ = file.Close() }, nil
}

// turn waits for the file's lock.
func turn(ctx context.Context, file *os.File, unit string) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = pause.For(ctx, 100*time.Millisecond)
		}
		if err != nil {
			return fmt.Errorf("cannot lock %s: another hook or action is still running: %w", unit, err)
		}
	}
}
