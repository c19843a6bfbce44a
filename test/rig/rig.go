// Package rig runs the whole product as a user would: jujusim, jujuetcd and the charm, as processes of their own, below one
// temporary directory. The demo and the integration tests are written on it.
//
// Use: New, then StartSim, StartDaemon, Juju for the CLI's verbs, Await for what juju status should say, Connect for etcd
// itself, and always Close, which ends every process and removes the directory.
//
// A Rig is for one goroutine, but for Status, Await and Juju, which may be called at the same time from several.
package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Rig is one set-up.
type Rig struct {
	// Dir holds everything; it is short, because unix sockets' paths are limited to 107 bytes.
	Dir string
	// Root is the checkout: bin and dist below it are what make build and make charm made.
	Root string

	sim, daemon *process
	others      map[string]*process
	env         []string
}

// New makes an empty rig from the checkout's bin and dist.
func New(root string) (*Rig, error) {
	for _, need := range []string{"bin/jujusim", "bin/jujuetcd", "dist/etcd.charm", "dist/easyrsa.charm", "dist/etcdclient.charm"} {
		if _, err := os.Stat(filepath.Join(root, need)); err != nil {
			return nil, fmt.Errorf("cannot find %s: run `make build charm` first", need)
		}
	}
	dir, err := os.MkdirTemp("", "jj-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory for the rig: %w", err)
	}
	r := &Rig{Dir: dir, Root: root}
	for _, e := range os.Environ() {
		// What the person at the keyboard has set for a real Juju must not leak into the rig.
		if !strings.HasPrefix(e, "JUJU") && !strings.HasPrefix(e, "ETCD") {
			r.env = append(r.env, e)
		}
	}
	r.env = append(r.env, "JUJUSIM_DIR="+r.simDir(), "JUJU_DATA="+filepath.Join(r.simDir(), "juju"))
	return r, nil
}

func (r *Rig) simDir() string             { return filepath.Join(r.Dir, "s") }
func (r *Rig) logPath(name string) string { return filepath.Join(r.Dir, name+".log") }

// Socket is the path of the daemon's socket, for jujuetcd get and plan.
func (r *Rig) Socket() string { return filepath.Join(r.Dir, "d.sock") }

// MachineRoot is the folder that is the root of a machine.
func (r *Rig) MachineRoot(machine string) string { return filepath.Join(r.simDir(), "m", machine) }

// Log returns the log of jujusim or jujuetcd.
func (r *Rig) Log(name string) string {
	text, err := os.ReadFile(r.logPath(name))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Store fills the snap store's folder: channel (3.6/stable) is served from the directory of programs.
func (r *Rig) Store(channel, programs, version string) error {
	dir := filepath.Join(r.Dir, "store", "etcd", channel)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the snap store: %w", err)
	}
	for _, name := range []string{"etcd", "etcdctl", "etcdutl"} {
		if _, err := os.Stat(filepath.Join(programs, name)); name == "etcdutl" && errors.Is(err, fs.ErrNotExist) {
			continue // etcd 3.4 has none
		}
		if err := os.Symlink(filepath.Join(programs, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("cannot fill the snap store: %w", err)
		}
	}
	return os.WriteFile(filepath.Join(dir, "version"), []byte(version+"\n"), 0o644)
}

// StartSim starts jujusim and waits until it answers.
func (r *Rig) StartSim(ctx context.Context, args ...string) error {
	args = append([]string{"start", "--dir", r.simDir(), "--store", filepath.Join(r.Dir, "store")}, args...)
	p, err := start("jujusim", r.logPath("jujusim"), r.env, filepath.Join(r.Root, "bin/jujusim"), args...)
	if err != nil {
		return err
	}
	r.sim = p
	_, err = r.Await(ctx, func(Status) (bool, string) { return true, "" })
	return err
}

// StartDaemon starts jujuetcd run for the model, as the given user, with state kept below the rig: a second start is a
// restart of the same daemon.
func (r *Rig) StartDaemon(user, password, model string, args ...string) error {
	args = append([]string{"run", "--model", model, "--state-dir", filepath.Join(r.Dir, "state"), "--socket", r.Socket(),
		"--metrics-address", "127.0.0.1:0", "--log-format", "json"}, args...)
	env := slices.Concat(r.env, []string{"JUJU_USERNAME=" + user, "JUJU_PASSWORD=" + password})
	p, err := start("jujuetcd", r.logPath("jujuetcd"), env, filepath.Join(r.Root, "bin/jujuetcd"), args...)
	if err != nil {
		return err
	}
	r.daemon = p
	return nil
}

// StartOther starts another daemon beside the first, with an identity, a socket and a log of its own by its name: the log is
// that of "jujuetcd-NAME". A second start is a restart of the same one.
func (r *Rig) StartOther(name, user, password, model string, args ...string) error {
	args = append([]string{"run", "--model", model, "--state-dir", filepath.Join(r.Dir, "state-"+name), "--socket", r.OtherSocket(name),
		"--metrics-address", "127.0.0.1:0", "--log-format", "json"}, args...)
	env := slices.Concat(r.env, []string{"JUJU_USERNAME=" + user, "JUJU_PASSWORD=" + password})
	p, err := start("jujuetcd-"+name, r.logPath("jujuetcd-"+name), env, filepath.Join(r.Root, "bin/jujuetcd"), args...)
	if err != nil {
		return err
	}
	if r.others == nil {
		r.others = map[string]*process{}
	}
	r.others[name] = p
	return nil
}

// OtherSocket is the path of another daemon's socket.
func (r *Rig) OtherSocket(name string) string { return filepath.Join(r.Dir, name+".sock") }

// StopOther asks another daemon to end.
func (r *Rig) StopOther(name string) error {
	err := r.others[name].stop(12 * time.Second)
	delete(r.others, name)
	return err
}

// PauseDaemon stops the daemon where it is, as a machine that has no time for it would; ResumeDaemon lets it go on.
func (r *Rig) PauseDaemon() error { return r.daemon.cmd.Process.Signal(syscall.SIGSTOP) }

// ResumeDaemon lets a paused daemon go on.
func (r *Rig) ResumeDaemon() error { return r.daemon.cmd.Process.Signal(syscall.SIGCONT) }

// KillDaemon ends the daemon as a crash would.
func (r *Rig) KillDaemon() { r.daemon.kill(); r.daemon = nil }

// StopDaemon asks the daemon to end; it has 10 s, as its contract says.
func (r *Rig) StopDaemon() error {
	err := r.daemon.stop(12 * time.Second)
	r.daemon = nil
	return err
}

// DaemonRunning says that the daemon has not ended by itself.
func (r *Rig) DaemonRunning() bool { return r.daemon.running() }

// Juju runs a verb of jujusim and returns what it prints.
func (r *Rig) Juju(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, "bin/jujusim", args...)
}

// Jujuetcd runs a verb of jujuetcd and returns what it prints.
func (r *Rig) Jujuetcd(ctx context.Context, args ...string) (string, error) {
	return r.run(ctx, "bin/jujuetcd", args...)
}

func (r *Rig) run(ctx context.Context, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(r.Root, program), args...)
	cmd.Env = r.env
	var out, faults bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(faults.String()))
	}
	return out.String(), nil
}

// Close ends all processes and removes the directory. It is safe to call twice.
func (r *Rig) Close() error {
	if r.daemon.running() {
		_ = r.ResumeDaemon() // one that is paused hears nothing
	}
	err := r.daemon.stop(12 * time.Second)
	for _, other := range r.others {
		err = errors.Join(err, other.stop(12*time.Second))
	}
	err = errors.Join(err, r.sim.stop(20*time.Second))
	r.daemon, r.sim, r.others = nil, nil, nil
	return errors.Join(err, os.RemoveAll(r.Dir))
}
