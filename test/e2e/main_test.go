//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"jujuetcd.io/test/e2e/nspawn"
)

// Variables that the outer process hands to the one in the namespaces.
const (
	imageVariable = "E2E_IMAGE"
	workVariable  = "E2E_WORK"
)

// TestMain makes what needs this host's network, and then runs the tests in namespaces of their own.
func TestMain(m *testing.M) {
	if os.Getenv(workVariable) != "" {
		if err := nspawn.Bridge(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(m.Run())
	}
	if err := nspawn.Missing(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot run the end-to-end tests:\n%v\n", err)
		os.Exit(1)
	}
	if err := outer(); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			os.Exit(1) // the tests have said what is wrong
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func outer() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	image, err := nspawn.Image(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("the machines' image was there after %.1f s\n", time.Since(began).Seconds())
	sweep()
	work, err := os.MkdirTemp("", workPrefix)
	if err != nil {
		return fmt.Errorf("cannot make a folder: %w", err)
	}
	defer remove(work)
	lock, err := claim(work)
	if err != nil {
		return fmt.Errorf("cannot lock %s: %w", work, err)
	}
	defer lock.Close()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return fmt.Errorf("cannot make namespaces: %w", err)
	}
	// The tests are the first process of their namespace, so the kernel ends all that they have started with them; and they end with
	// unshare, which ends with this process. The thread must stay for that: it is the one whose end the kernel looks at.
	runtime.LockOSThread()
	cmd := exec.CommandContext(ctx, unshare, append([]string{"--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child", self},
		os.Args[1:]...)...)
	cmd.Env = append(os.Environ(), imageVariable+"="+image, workVariable+"="+work, "TMPDIR="+work)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Minute
	return cmd.Run()
}

const workPrefix = "jujuetcd-e2e-"

func remove(work string) {
	nspawn.RemoveGroups(nspawn.GroupPrefix(work))
	_ = os.RemoveAll(work)
}

// claim locks a folder for as long as this process lives.
func claim(work string) (*os.File, error) {
	dir, err := os.Open(work)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = dir.Close()
		return nil, err
	}
	return dir, nil
}

// sweep removes what former runs have left that were killed; nothing of theirs runs any more.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), workPrefix+"*")) // the pattern is a good one
	for _, work := range left {
		if lock, err := claim(work); err == nil {
			remove(work)
			_ = lock.Close()
		}
	}
}

// build builds the programs where this test alone uses them, below root as a checkout has them.
func build(ctx context.Context, root string) error {
	checkout, err := filepath.Abs("../..")
	if err != nil {
		return err
	}
	for program, pkg := range map[string]string{"bin/jujusim": "./test/e2e/sim", "bin/jujuetcd": "./cmd/jujuetcd"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(root, program), pkg)
		cmd.Dir = checkout
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off") // there is no network here
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
		}
	}
	return os.Symlink(filepath.Join(checkout, "dist"), filepath.Join(root, "dist"))
}
