package machine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/sim/netns"
	"jujuetcd.io/sim/service"
	"jujuetcd.io/sim/snapd"
)

// Options are what a Machine is made from.
type Options struct {
	// Root is the machine's folder. Keep it short: unix sockets lie below it.
	Root string
	// Address is the machine's address; MoreAddresses are those that it has beside.
	Address       string
	MoreAddresses []string
	// Port is the machine's own network, in which it has the addresses. Nil means that it shares
	// this program's.
	Port *netns.Port
	// Store is the folder that plays the snap store; empty means offline.
	Store string
	// SnapdVersion is the snapd to play; empty means snapd.DefaultVersion.
	SnapdVersion string
	// TaskDelay is how long each task of a snapd change takes at least.
	TaskDelay time.Duration
	Log       logr.Logger
}

// Machine is one machine.
type Machine struct {
	options Options
	// Lock is the machine lock that the agents of its units share.
	Lock chan struct{}

	mu       sync.Mutex
	snapd    *snapd.Daemon
	services *service.Supervisor
}

// New makes a machine, which is not running.
func New(o Options) (*Machine, error) {
	for _, dir := range []string{"etc/systemd/system", "run", "var/lib", "var/log", "home/ubuntu", "tmp"} {
		if err := os.MkdirAll(filepath.Join(o.Root, dir), 0o755); err != nil {
			return nil, fmt.Errorf("cannot make machine: %w", err)
		}
	}
	return &Machine{options: o, Lock: make(chan struct{}, 1)}, nil
}

// Root is the machine's folder, Address its address.
func (m *Machine) Root() string { return m.options.Root }
func (m *Machine) Address() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.options.Address
}

// EnterNetwork takes a thread to the machine's network. It is nil where that is this program's.
func (m *Machine) EnterNetwork() func() error {
	if m.options.Port == nil {
		return nil
	}
	return m.options.Port.Enter
}

// SetAddress gives the machine another address, which it has from its next start on.
func (m *Machine) SetAddress(address string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.options.Address = address
}

// Start boots the machine: snapd and the enabled services come up. It does nothing to one that
// runs.
func (m *Machine) Start() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services != nil {
		return nil
	}
	if m.options.Port != nil {
		if err := m.options.Port.SetAddresses(append([]string{m.options.Address}, m.options.MoreAddresses...)...); err != nil {
			return err
		}
	}
	daemon, err := snapd.New(snapd.Options{Root: m.options.Root, Address: m.options.Address, MoreAddresses: m.options.MoreAddresses, Store: m.options.Store,
		Version: m.options.SnapdVersion, TaskDelay: m.options.TaskDelay, Log: m.options.Log})
	if err != nil {
		return err
	}
	services, err := service.New(service.Options{Root: m.options.Root, Command: daemon.Command, Enter: m.EnterNetwork(), Log: m.options.Log})
	if err != nil {
		daemon.Close()
		return err
	}
	daemon.Attach(services)
	m.snapd, m.services = daemon, services
	for _, step := range []func() error{services.Boot, services.Serve, daemon.Serve} {
		if err := step(); err != nil {
			m.close()
			return err
		}
	}
	return nil
}

// ErrSharedNetwork is why a machine cannot be cut off.
var ErrSharedNetwork = errors.New("it has no network of its own: start jujusim as root, with --own-networks")

// Cut parts the machine from the other machines, Mend brings it back. Its processes run on, and the
// host reaches them as before; so it is when the machine is stopped and started meanwhile.
func (m *Machine) Cut() error {
	if m.options.Port == nil {
		return ErrSharedNetwork
	}
	return m.options.Port.Cut()
}

// Mend ends Cut.
func (m *Machine) Mend() error {
	if m.options.Port == nil {
		return ErrSharedNetwork
	}
	return m.options.Port.Mend()
}

// Stop takes the machine down as a power cut does: all its processes are killed.
func (m *Machine) Stop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services != nil {
		m.services.Halt()
	}
	m.close()
}

// Close ends the machine in order: its services get SIGTERM. It cannot be started again.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.close()
	if m.options.Port != nil {
		m.options.Port.Close()
	}
}

func (m *Machine) close() {
	if m.snapd != nil {
		m.snapd.Close()
		m.services.Close()
		m.snapd, m.services = nil, nil
	}
}

// Running says that the machine is up.
func (m *Machine) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.services != nil
}

// Service is one property of a service, as systemctl show reports it; empty while the machine is
// down.
func (m *Machine) Service(name, property string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services == nil {
		return ""
	}
	return m.services.Get(name, property)
}

// Kill sends a signal to a service's process; systemd's rules say what follows.
func (m *Machine) Kill(name string, sig syscall.Signal) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services == nil {
		return fmt.Errorf("cannot kill %s: the machine is down", name)
	}
	return m.services.Kill(name, sig)
}

// KillAll sends SIGKILL to the processes of all services; systemd's rules say what follows.
func (m *Machine) KillAll() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.services != nil {
		m.services.KillAll()
	}
}

// Wipe removes what is below a folder of the machine, as a lost disk does; the folder itself stays.
// The path is that of production, such as /var/snap/etcd/common/data.
func (m *Machine) Wipe(path string) error {
	dir := filepath.Join(m.options.Root, filepath.Clean("/"+path))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot wipe %s: %w", path, err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("cannot wipe %s: %w", path, err)
		}
	}
	return nil
}

// SetStore makes another folder the machine's snap store, or takes it offline (empty).
func (m *Machine) SetStore(folder string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.options.Store = folder
	if m.snapd != nil {
		m.snapd.SetStore(folder)
	}
}
