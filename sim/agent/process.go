package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"jujuetcd.io/sim/service"
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
	cmd := a.command(p)
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

// command is a process as the machine has it: the host's paths below a machine's root mean nothing to one that is entered.
func (a *Agent) command(p process) *exec.Cmd {
	if a.Enter == nil {
		cmd := exec.Command(p.path, p.args...)
		cmd.Dir, cmd.Env = a.charmDir(), p.env
		return cmd
	}
	own := strings.NewReplacer(filepath.Clean(a.Root)+"/", "/")
	var args, env []string
	for _, arg := range p.args {
		args = append(args, own.Replace(arg))
	}
	for _, variable := range p.env {
		if !strings.HasPrefix(variable, service.RootVariable+"=") {
			env = append(env, own.Replace(variable))
		}
	}
	cmd := &exec.Cmd{Path: own.Replace(p.path), Args: append([]string{own.Replace(p.path)}, args...), Dir: own.Replace(a.charmDir()), Env: env}
	a.Enter(cmd)
	return cmd
}

// capped keeps the beginning of a stream.
type capped struct{ *bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := maxOutput - c.Len(); room > 0 {
		_, _ = c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
