package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
)

// Options are what a Supervisor needs to know of its machine.
type Options struct {
	// Root is the machine's root folder.
	Root string
	// Command turns a unit's ExecStart into the process to run. Nil runs it as it stands, below Root.
	Command func(unit string, execStart []string) (*exec.Cmd, error)
	// Enter takes the thread that starts the processes to the machine's network. Nil means that of this program.
	Enter func() error
	Log   logr.Logger
}

// Supervisor runs the services of one machine.
type Supervisor struct {
	root    string
	command func(string, []string) (*exec.Cmd, error)
	log     logr.Logger
	spawner *Spawner

	mu     sync.Mutex
	units  map[string]*unit
	halted bool
	closed bool
	wg     sync.WaitGroup

	listener net.Listener
	hangUp   context.CancelFunc
}

// New makes a supervisor, with the unit files that are there loaded and nothing started: Boot starts what is enabled.
func New(o Options) (*Supervisor, error) {
	s := &Supervisor{root: o.Root, command: o.Command, log: o.Log, spawner: NewSpawner(o.Enter), units: map[string]*unit{}}
	if s.command == nil {
		s.command = func(_ string, argv []string) (*exec.Cmd, error) {
			return exec.Command(filepath.Join(s.root, argv[0]), argv[1:]...), nil
		}
	}
	if err := s.DaemonReload(); err != nil {
		s.spawner.Close()
		return nil, err
	}
	return s, nil
}

// DaemonReload reads all unit files and drop-ins again. Running processes are not touched.
func (s *Supervisor) DaemonReload() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	files, err := filepath.Glob(filepath.Join(s.root, unitDir, "*.service"))
	if err != nil {
		return fmt.Errorf("cannot list unit files: %w", err)
	}
	for _, u := range s.units {
		u.loaded = u.transient != nil
	}
	var errs []error
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".service")
		set, found, err := load(s.root, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		u := s.units[name]
		if u == nil {
			u = &unit{sup: s, name: name, result: "success", condition: true}
			s.units[name] = u
		}
		u.settings, u.loaded = set, found
	}
	for name, u := range s.units {
		if !u.loaded && u.state == inactive {
			delete(s.units, name)
		}
	}
	return errors.Join(errs...)
}

// ErrNotFound says that there is no such unit.
var ErrNotFound = errors.New("unit not found")

func (s *Supervisor) lookup(name string) (*unit, error) {
	u := s.units[strings.TrimSuffix(name, ".service")]
	if u == nil {
		return nil, fmt.Errorf("cannot act on %s: %w", Filename(name), ErrNotFound)
	}
	return u, nil
}

// Start starts a unit, unless it runs. An unmet condition is no error, a start limit that is hit is one. A unit that waits to be
// restarted is not started sooner for it: like systemd, Start waits for the restart. (Restart does not wait.)
func (s *Supervisor) Start(ctx context.Context, name string) error {
	s.mu.Lock()
	u, err := s.lookup(name)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	if u.state == waiting {
		over := u.over
		s.mu.Unlock()
		return wait(ctx, over)
	}
	defer s.mu.Unlock()
	return u.start(true)
}

// Stop stops a unit and waits for its process to end: SIGTERM, then SIGKILL after TimeoutStopSec.
func (s *Supervisor) Stop(ctx context.Context, name string) error {
	s.mu.Lock()
	u, err := s.lookup(name)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	gone := u.stop(syscall.SIGTERM)
	s.mu.Unlock()
	return wait(ctx, gone)
}

// Restart stops a unit, if it runs, and starts it.
func (s *Supervisor) Restart(ctx context.Context, name string) error {
	if err := s.Stop(ctx, name); err != nil {
		return err
	}
	return s.Start(ctx, name)
}

// Kill sends a signal to a unit's main process, as a fault. It does not stop the unit: systemd's rules say what follows.
func (s *Supervisor) Kill(name string, sig syscall.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.lookup(name)
	if err != nil {
		return err
	}
	if u.cmd == nil {
		return fmt.Errorf("cannot kill %s: it has no process", Filename(name))
	}
	if err := syscall.Kill(u.cmd.Process.Pid, sig); err != nil {
		return fmt.Errorf("cannot kill %s: %w", Filename(name), err)
	}
	return nil
}

// KillAll sends SIGKILL to the process of each service that has one.
func (s *Supervisor) KillAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.units {
		if u.cmd != nil {
			// One that has ended in this moment is as dead as it should be.
			_ = syscall.Kill(u.cmd.Process.Pid, syscall.SIGKILL)
		}
	}
}

// ResetFailed forgets a unit's failure, its count of restarts, and its recent starts.
func (s *Supervisor) ResetFailed(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, err := s.lookup(name)
	if err != nil {
		return err
	}
	if u.state == failed {
		u.state = inactive
	}
	u.result, u.nRestarts, u.starts = "success", 0, nil
	return nil
}

// Enable makes a unit start at boot, or not.
func (s *Supervisor) Enable(name string, on bool) error {
	link := filepath.Join(s.root, wantsDir, Filename(name))
	if !on {
		if err := os.Remove(link); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("cannot disable %s: %w", name, err)
		}
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return fmt.Errorf("cannot enable %s: %w", name, err)
	}
	if err := os.Symlink("../"+Filename(name), link); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("cannot enable %s: %w", name, err)
	}
	return nil
}

// Enabled says whether a unit starts at boot.
func (s *Supervisor) Enabled(name string) bool {
	_, err := os.Lstat(filepath.Join(s.root, wantsDir, Filename(name)))
	return err == nil
}

// Halt kills every process at once and starts none until Boot: the machine has lost its power.
func (s *Supervisor) Halt() {
	s.mu.Lock()
	s.halted = true
	gone := s.stopAll(syscall.SIGKILL)
	s.mu.Unlock()
	for _, g := range gone {
		<-g
	}
}

// Boot reads the unit files and starts what is enabled, as after a boot. A unit that does not start is logged, no more.
func (s *Supervisor) Boot() error {
	s.mu.Lock()
	s.halted = false
	for _, u := range s.units {
		u.result, u.nRestarts, u.starts = "success", 0, nil
		if u.state == failed {
			u.state = inactive
		}
	}
	s.mu.Unlock()
	err := s.DaemonReload()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, u := range s.units {
		if !s.Enabled(name) {
			continue
		}
		if err := u.start(true); err != nil {
			s.log.Info("Unit does not start at boot", "unit", name, "reason", err.Error())
		}
	}
	return err
}

func (s *Supervisor) stopAll(sig syscall.Signal) []<-chan struct{} {
	var gone []<-chan struct{}
	for _, u := range s.units {
		gone = append(gone, u.stop(sig))
	}
	return gone
}

// closeGrace is how long Close waits for the processes to end by themselves.
const closeGrace = 3 * time.Second

// Close stops everything: SIGTERM, a short grace, SIGKILL. It returns when no process is left, and may be called twice.
func (s *Supervisor) Close() {
	s.mu.Lock()
	s.closed = true
	l, hangUp := s.listener, s.hangUp
	s.listener = nil
	gone := s.stopAll(syscall.SIGTERM)
	s.mu.Unlock()
	if l != nil {
		_ = l.Close()
		hangUp()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	for _, g := range gone {
		_ = wait(ctx, g)
	}
	s.mu.Lock()
	s.stopAll(syscall.SIGKILL)
	s.mu.Unlock()
	s.wg.Wait()
	s.spawner.Close()
}

func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("cannot wait for the process to end: %w", ctx.Err())
	}
}
