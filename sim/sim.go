package sim

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/netns"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// Admin is the administrator's name, DefaultModel the model that is there from the start.
const (
	Admin        = "admin"
	DefaultModel = "demo"
	// ControllerName is what the juju client's store calls the controller.
	ControllerName = "jujusim"
)

// Options of an instance.
type Options struct {
	// Dir is made where it is missing.
	Dir     string
	Store   string
	Profile profile.Profile
	Pace    model.Pace
	// Record is a file for every API frame; empty for none.
	Record string
	// Lease is how long leadership outlives its agent; zero for Juju's 30 s.
	Lease time.Duration
	// Machines is the network of the machines: an IPv6 one whose addresses the host has, or, where it is not valid, that of the API.
	Machines netip.Prefix
	// OwnNetworks gives each machine a network of its own, so that it can be cut off from the others. It takes root.
	OwnNetworks bool
	// Spaces are those that machines are in beside Juju's default one; Public gives each machine an address for other networks.
	Spaces []string
	Public bool
	Fleet  fleet.Maker
	Log    *zap.Logger
	// Ready, if not nil, is called when verbs and API answer.
	Ready func(control.Info)
}

// instance is what runs.
type instance struct {
	options    Options
	controller *model.Controller
	server     *server.Server
	network    netip.Prefix
	ethernet   *netns.Ethernet // nil unless machines have networks of their own
	password   string
	program    string
	started    time.Time
	stop       context.CancelFunc

	ctx   context.Context //nolint:containedctx // Models that are added later run as long as the instance.
	group *errgroup.Group

	mu     sync.Mutex
	fleets map[string]fleet.Fleet // By model UUID.
}

// Run runs an instance until ctx is done or a verb asks it to stop.
func Run(ctx context.Context, o Options) (err error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return fmt.Errorf("cannot find %s: %w", o.Dir, err)
	}
	unlock, err := claim(o.Dir)
	if err != nil {
		return err
	}
	defer unlock()
	recorder, err := record(o.Record)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recorder.Close()) }()

	i := &instance{options: o, started: time.Now(), fleets: map[string]fleet.Fleet{}}
	if i.program, err = os.Executable(); err != nil {
		return fmt.Errorf("cannot find the running program: %w", err)
	}
	i.controller = model.NewController(model.Options{Profile: o.Profile, Pace: o.Pace, Lease: o.Lease, Spaces: o.Spaces})
	defer i.controller.Close()
	if err := i.listen(recorder); err != nil {
		return err
	}
	if o.OwnNetworks {
		if i.ethernet, err = makeEthernet(o); err != nil {
			return errors.Join(err, i.server.Close())
		}
		defer i.ethernet.Close()
	}
	return i.run(ctx)
}

// record returns nil, which records nothing, where no file is named.
func record(path string) (*server.Recorder, error) {
	if path == "" {
		return nil, nil // A nil Recorder is one that does nothing.
	}
	return server.NewRecorder(path)
}

// lockName is the file that makes a folder jujusim's.
const lockName = "lock"

// claim makes the folder, takes its lock, and removes what a former instance has left: its state is gone, so its machines mean
// nothing any more. A folder with things in it that is not jujusim's is refused.
func claim(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make %s: %w", dir, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", dir, err)
	}
	if len(entries) > 0 && !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == lockName }) {
		return nil, fmt.Errorf("cannot use %s: it holds files and was not made by jujusim; choose another --dir", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cannot close %s to others: %w", dir, err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("cannot use %s: another jujusim runs there (jujusim stop --dir %s)", dir, dir)
	}
	for _, e := range entries {
		if name := e.Name(); name == "m" || strings.HasPrefix(name, "m-") || name == "juju" || name == resourcesDir {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				_ = lock.Close()
				return nil, fmt.Errorf("cannot remove what a former jujusim left: %w", err)
			}
		}
	}
	return func() { _ = lock.Close() }, nil
}

func (i *instance) run(ctx context.Context) error {
	ctx, i.stop = context.WithCancel(ctx)
	defer i.stop()
	i.group, i.ctx = errgroup.WithContext(ctx)
	socket, err := control.Listen(filepath.Join(i.options.Dir, control.SocketName))
	if err != nil {
		return errors.Join(err, i.server.Close())
	}
	i.group.Go(func() error { return i.server.Run(i.ctx) })
	i.group.Go(func() error { return control.Serve(i.ctx, socket, i) })
	if err := i.begin(); err != nil {
		i.stop()
		return errors.Join(err, i.group.Wait())
	}
	if i.options.Ready != nil {
		i.options.Ready(i.Info())
	}
	err = i.group.Wait()
	return errors.Join(err, os.RemoveAll(filepath.Join(i.options.Dir, control.SocketName)))
}

// begin makes the administrator, the first model and the files.
func (i *instance) begin() error {
	password, err := i.controller.AddUser(Admin, Admin, "")
	if err != nil {
		return err
	}
	i.password = password
	if err := i.controller.GrantController(Admin, model.Superuser); err != nil {
		return err
	}
	_, err = i.AddModel(DefaultModel)
	return err
}

// maxModels is how many models' machines share the instance's addresses.
const (
	maxModels        = 4
	addressesOfModel = 60
)

// AddModel makes a model, its change stream and its fleet.
func (i *instance) AddModel(name string) (control.Model, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ctx.Err() != nil {
		return control.Model{}, errors.New("cannot add a model: jujusim is stopping")
	}
	if len(i.fleets) >= maxModels {
		return control.Model{}, fmt.Errorf("cannot add model %q: one jujusim has at most %d", name, maxModels)
	}
	m, err := i.controller.AddModel(Admin, name, "")
	if err != nil {
		return control.Model{}, fmt.Errorf("cannot add model %q: %w", name, err)
	}
	place := "m"
	if len(i.fleets) > 0 {
		place = "m-" + name
	}
	network := i.network
	switch {
	case i.ethernet != nil:
		network = i.ethernet.Network()
	case i.options.Machines.IsValid():
		network = i.options.Machines
	}
	f, err := i.options.Fleet(fleet.Options{
		Spaces: i.options.Spaces, Public: i.options.Public,
		Model: m, Dir: filepath.Join(i.options.Dir, place), Store: i.options.Store, Network: network, Ethernet: i.ethernet,
		First: addressesOfModel * len(i.fleets), APIAddress: i.server.Address(), Program: i.program,
		Log: i.options.Log.With(zap.String("model", name)),
	})
	if err != nil {
		return control.Model{}, fmt.Errorf("cannot make machines for model %q: %w", name, err)
	}
	i.fleets[m.UUID] = f
	i.group.Go(func() error { return f.Run(i.ctx) })
	i.group.Go(func() error { m.Stream(i.ctx); return nil })
	if err := i.writeFiles(); err != nil {
		return control.Model{}, err
	}
	return control.Model{Name: m.Name, Owner: m.Owner, UUID: m.UUID}, nil
}
