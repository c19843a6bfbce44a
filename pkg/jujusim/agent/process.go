package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"syscall"
	"time"
)

// process is a program of the charm.
type process struct {
	path string
	args []string
	env  []string
	name string // of the hook or action, for the log
}

// output is how a process ended, and what it printed.
type output struct {
	code           int
	signaled       bool
	stdout, stderr []byte
}

// drainDelay is how long the pipes of a process that has ended are read on: a child of it may hold them.
const drainDelay = 2 * time.Second

// maxOutput bounds what is kept of a stream.
const maxOutput = 1 << 20

// run runs a process to its end; when ctx is done it is killed with all its group.
func (a *Agent) run(ctx context.Context, p process) (output, error) {
	if err := ctx.Err(); err != nil {
		return output{}, err
	}
	module := "unit." + a.Unit + "." + p.name
	var stdout, stderr bytes.Buffer
	debug := &lines{log: func(s string) { a.Model.Log(Tag(a.Unit), "DEBUG", module, s) }}
	warning := &lines{log: func(s string) { a.Model.Log(Tag(a.Unit), "WARNING", module, s) }}
	cmd := exec.Command(p.path, p.args...)
	cmd.Dir, cmd.Env = a.charmDir(), p.env
	cmd.Stdout = io.MultiWriter(debug, &capped{&stdout})
	cmd.Stderr = io.MultiWriter(warning, &capped{&stderr})
	cmd.WaitDelay = drainDelay
	if err := a.spawner.Start(cmd); err != nil {
		return output{}, fmt.Errorf("cannot run %s: %w", p.path, err)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-ended:
		default:
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		}
	})
	err := cmd.Wait()
	close(ended)
	stop()
	debug.flush()
	warning.flush()
	out := output{stdout: stdout.Bytes(), stderr: stderr.Bytes(), code: cmd.ProcessState.ExitCode()}
	if status, isStatus := cmd.ProcessState.Sys().(syscall.WaitStatus); isStatus {
		out.signaled = status.Signaled()
	}
	if _, isExit := errors.AsType[*exec.ExitError](err); err != nil && !isExit && !errors.Is(err, exec.ErrWaitDelay) {
		return out, fmt.Errorf("cannot run %s: %w", p.path, err)
	}
	return out, nil
}

// capped keeps the beginning of a stream.
type capped struct{ *bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := maxOutput - c.Len(); room > 0 {
		_, _ = c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
