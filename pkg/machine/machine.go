package machine

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/machine/owner"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/service"
	"jujuetcd.io/pkg/machine/snapd"
	"jujuetcd.io/pkg/machine/tlsfiles"
)

// Names and paths of production. Paths that this program opens get the root before them; paths
// inside files do not.
const (
	SnapName    = v1alpha1.SnapName
	ServiceName = v1alpha1.ServiceName
	CommonDir   = v1alpha1.CommonDir
	ConfigFile  = v1alpha1.ConfigFile
	DataDir     = v1alpha1.DataDir
	Socket      = "/run/snapd.socket"
	StateDir    = v1alpha1.AgentDir
	OwnerFile   = StateDir + "/owner.json"
)

// recordFile is the name of a unit's record in its folder below StateDir.
const recordFile = "applied.json"

// dataDirs are where a member may have been put by us, or by the charm that we follow.
var dataDirs = slices.Concat([]string{DataDir}, adoptable)

// adoptable are where only the charm before this one puts a member. It keeps no record.
var adoptable = []string{"/var/snap/etcd/current", "/media/etcd/data"}

// How long Apply watches what it has begun before it answers InProgress.
const (
	defaultSnapWait  = 8 * time.Second
	defaultStartWait = 8 * time.Second
)

// Cluster is what this package asks of etcd; an *etcdops.Pool.
type Cluster interface {
	Check(ctx context.Context, endpoint string) etcdops.EndpointHealth
	Look(ctx context.Context, endpoints []string) etcdops.View
	etcdops.Locker
	Do(ctx context.Context, v etcdops.View, c etcdops.Change) error
	Compact(ctx context.Context, v etcdops.View, revision int64, physical bool) (at int64, err error)
	Defragment(ctx context.Context, endpoint string, longest time.Duration) error
	Snapshot(ctx context.Context, endpoint string, to io.Writer) error
	HashKV(ctx context.Context, endpoint string, revision int64) (etcdops.Hash, error)
	Close()
}

// Options are what a Machine is made of.
type Options struct {
	// Root is put before every path; empty means /.
	Root string
	// Unit is the Juju unit's name, and ModelUUID its model; deliveries for others are refused. An
	// empty ModelUUID is not compared.
	Unit      string
	ModelUUID string
	// Agent is the agent's version, for the facts.
	Agent string
	// Now is the clock; default time.Now.
	Now func() time.Time
	Log logr.Logger
	// Connect dials etcd; default an etcdops.Pool.
	Connect func(*tls.Config) Cluster
	// Interfaces are the machine's; nil reports none.
	Interfaces func() []Interface
	// SnapWait and StartWait bound how long Apply watches an installation and a start; default 8 s
	// each.
	SnapWait, StartWait time.Duration
	// ScheduledWait bounds the snapshot of a schedule; default v1alpha1.LongestScheduled.
	ScheduledWait time.Duration
	// DrillWait bounds a restore drill; default v1alpha1.LongestDrill.
	DrillWait time.Duration
	// FreeMemory is how many bytes of memory are available; default what the kernel says.
	FreeMemory func() (int64, error)
}

// Machine is one unit's machine.
type Machine struct {
	o     Options
	log   logr.Logger
	disk  *durable.Disk
	snapd *snapd.Client
	unit  service.Unit
	tls   *tlsfiles.Files
	store record.Store
	owner owner.File
	// effect is called after everything that has been done to the world, one after the other.
	effect func(what string)
}

// New returns the machine of a unit. It touches nothing.
func New(o Options) *Machine {
	if o.Root == "" {
		o.Root = "/"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Connect == nil {
		o.Connect = func(config *tls.Config) Cluster { return etcdops.NewPool(config) }
	}
	if o.Interfaces == nil {
		o.Interfaces = func() []Interface { return nil }
	}
	if o.SnapWait == 0 {
		o.SnapWait = defaultSnapWait
	}
	if o.StartWait == 0 {
		o.StartWait = defaultStartWait
	}
	if o.ScheduledWait == 0 {
		o.ScheduledWait = v1alpha1.LongestScheduled
	}
	if o.DrillWait == 0 {
		o.DrillWait = v1alpha1.LongestDrill
	}
	if o.FreeMemory == nil {
		o.FreeMemory = availableMemory
	}
	m := &Machine{o: o, log: o.Log, disk: &durable.Disk{}, effect: func(string) {}}
	m.snapd = snapd.New(m.path(Socket))
	m.unit = service.Unit{Root: o.Root, Name: ServiceName, Disk: m.disk}
	m.tls = tlsfiles.In(m.path(CommonDir), m.disk)
	m.store = record.Store{Path: filepath.Join(m.stateDir(), recordFile), Disk: m.disk}
	m.owner = owner.File{Path: m.path(OwnerFile), Disk: m.disk}
	return m
}

// Path is where a path of production is for this program.
func (m *Machine) Path(p string) string { return m.path(p) }

// path puts the root before a path of production.
func (m *Machine) path(p string) string { return filepath.Join(m.o.Root, p) }

// production takes the root away that path has put there.
func (m *Machine) production(p string) string {
	return "/" + strings.TrimPrefix(strings.TrimPrefix(p, m.o.Root), "/")
}

// Last is the spec that was applied last; nil if none was, or if the machine is another unit's:
// what was applied there before that was known is not true of this unit.
func (m *Machine) Last() (*v1alpha1.EtcdUnitSpec, error) {
	r, err := m.load()
	return r.Spec, err
}

// load is the unit's record; an empty one where the machine is another's.
func (m *Machine) load() (record.Record, error) {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	t, err := m.tenancy(ctx)
	if err != nil || t.taken != nil {
		return record.Record{}, err
	}
	return t.record, nil
}

// data is what the unit's data directory says, and where it is, as a path of production.
type data struct {
	datadir.State
	Dir string
}

// inspect looks where the member was last seen, where the spec puts it, and where the charm before
// us did. Without a member anywhere, Dir is where one was, or belongs.
func (m *Machine) inspect(r record.Record) (data, error) {
	dirs := dataDirs
	if r.Spec != nil && r.Spec.Etcd.DataDir != "" {
		dirs = append([]string{r.Spec.Etcd.DataDir}, dirs...)
	}
	if r.Member.DataDir != "" {
		dirs = append([]string{r.Member.DataDir}, dirs...)
	}
	for _, dir := range dirs {
		state, err := datadir.Inspect(m.path(dir))
		if err != nil || state.Present {
			return data{State: state, Dir: dir}, err
		}
	}
	return data{Dir: dirs[0]}, nil
}

// paths are the TLS files as etcd sees them.
func paths() etcdconf.Paths {
	return etcdconf.Paths{
		CA: CommonDir + "/" + tlsfiles.BundleFile, Certificate: CommonDir + "/server.crt", Key: CommonDir + "/server.key",
	}
}

// bootID tells two boots apart; empty where it cannot be known.
func (m *Machine) bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id") // the kernel's, also below another root
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// remember puts a record on disk if it changed.
func (m *Machine) remember(r *record.Record) error {
	if _, err := m.store.Save(*r); err != nil {
		return fmt.Errorf("cannot go on without a record: %w", err)
	}
	return nil
}
