package snapd

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// SocketPath is where the socket lies below a machine's root.
const SocketPath = "run/snapd.socket"

// Services is the part of the service supervisor that snapd needs.
type Services interface {
	DaemonReload() error
	Start(ctx context.Context, name string) error
	Stop(ctx context.Context, name string) error
	Restart(ctx context.Context, name string) error
	Enable(name string, on bool) error
	Enabled(name string) bool
	Get(name, property string) string
}

// Options are what a Daemon needs to know of its machine.
type Options struct {
	// Root is the machine's root folder, Address its address; MoreAddresses are those that it has beside.
	Root, Address string
	MoreAddresses []string
	// Store is the folder that stands in for the snap store; empty means that the machine is offline.
	Store string
	// Version is the snapd version to play; empty means 2.68.3.
	Version string
	// TaskDelay is how long each task of a change takes at least.
	TaskDelay time.Duration
	Log       logr.Logger
}

// Daemon is the snapd of one machine.
type Daemon struct {
	root, store, version string
	addresses            []string // the first is "" where the machine shares its host's
	taskDelay            time.Duration
	log                  logr.Logger
	services             Services

	mu    sync.Mutex
	state state

	ctx    context.Context //nolint:containedctx // the lifetime of the changes that run in the background
	cancel context.CancelFunc
	wg     sync.WaitGroup
	server *http.Server
}

// DefaultVersion is the snapd that is played when nothing else is said.
const DefaultVersion = "2.68.3"

// New reads the machine's state. Attach must be called before anything is served.
func New(o Options) (*Daemon, error) {
	st, err := readState(o.Root, time.Now())
	if err != nil {
		return nil, err
	}
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	d := &Daemon{root: o.Root, addresses: append([]string{o.Address}, o.MoreAddresses...), store: o.Store, version: o.Version,
		taskDelay: o.TaskDelay, log: o.Log, state: st}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d, nil
}

// Attach gives the daemon the supervisor that runs its services. (The supervisor needs Command of the daemon: so in two steps.)
func (d *Daemon) Attach(s Services) { d.services = s }

// Serve listens on the socket, and takes up the changes that were under way.
func (d *Daemon) Serve() error {
	path := filepath.Join(d.root, SocketPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot serve snapd: %w", err)
	}
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("cannot serve snapd: %w", err)
	}
	d.server = &http.Server{Handler: d.routes(), ReadHeaderTimeout: 10 * time.Second}
	d.wg.Go(func() { _ = d.server.Serve(l) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.state.Changes {
		if !c.ready() {
			d.run(c)
		}
	}
	return nil
}

// Close stops listening and waits for the task at work. What is left of a change is done by the next daemon of this machine.
func (d *Daemon) Close() {
	d.cancel()
	if d.server != nil {
		_ = d.server.Close()
	}
	d.wg.Wait()
}

// SetStore makes another folder the store, or takes the machine offline (empty).
func (d *Daemon) SetStore(folder string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.store = folder
}

// atLeast compares the played version's first two numbers.
func (d *Daemon) atLeast(major, minor int) bool { //nolint:unparam // a version is compared as a whole, as it is written
	var a, b int
	if _, err := fmt.Sscanf(strings.ReplaceAll(d.version, ".", " "), "%d %d", &a, &b); err != nil {
		return false
	}
	return a > major || a == major && b >= minor
}
