package observe

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/memory"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
	"jujuetcd.io/pkg/reconcile/through"
	"jujuetcd.io/pkg/reconcile/world"
)

// ErrGone says that the model has no such application any more.
var ErrGone = errors.New("the application is not in the model")

// DefaultResync is how long what UnitsInfo, options and tasks said is believed while the model's
// hash does not change.
const DefaultResync = time.Minute

// Config is what an Observer is made of. All fields but the last seven are needed.
type Config struct {
	Application string
	// Self is the daemon's identity.
	Self   string
	Juju   world.Juju
	Dial   world.Dial
	Memory *memory.Memory
	// Now is the clock: ours, or a simulation's.
	Now func() time.Time

	// Policy is asked at each observation; nil means defaults.
	Policy func() v1alpha1.EtcdClusterSpec
	// TakeOver allows to claim a cluster that another daemon holds.
	TakeOver bool
	// Resync replaces DefaultResync.
	Resync time.Duration
	// ThroughUnits allows to look at etcd through its units, which costs actions, where the network
	// is closed to us.
	ThroughUnits bool
	// Pause is how time passes while a unit is asked; nil means by itself.
	Pause func(ctx context.Context, d time.Duration) error
	// Local reports the address from which we are connected to Juju, or nothing if it is not known.
	Local func() string
	// Foreign are credentials that a person gave; without them those of the certificates relation
	// are used.
	Foreign world.Credentials
	// Keys keep the daemon's own; nil for who only looks.
	Keys world.Keys
}

// Observer observes one cluster.
type Observer struct {
	cfg Config

	hash    string
	changes int64
	readAt  time.Time
	info    infoRead
	options optionsRead
	tasks   tasksRead
	facts   map[string]*v1alpha1.UnitFacts // the last that were read, by unit
	proof   proof

	mu          sync.Mutex // guards what others may read: the connection, and where to
	endpoints   []string
	etcd        world.Etcd
	credentials world.Credentials
	closed      bool
	shut        etcdops.View // the last direct look, if not one packet came back; else empty
	seen        etcdops.View // the last observation's direct look
	usesUnits   bool
	through     *through.Cluster // nil if that is not allowed

	history history
}

// New makes an Observer.
func New(cfg Config) *Observer {
	if cfg.Resync == 0 {
		cfg.Resync = DefaultResync
	}
	if cfg.Policy == nil {
		cfg.Policy = func() v1alpha1.EtcdClusterSpec {
			var spec v1alpha1.EtcdClusterSpec
			spec.SetDefaults()
			return spec
		}
	}
	if cfg.Local == nil {
		cfg.Local = func() string { return "" }
	}
	o := &Observer{cfg: cfg, history: newHistory(), options: optionsRead{options: options.Default()}}
	if cfg.ThroughUnits {
		o.through = through.New(through.Config{
			Application: cfg.Application, Self: cfg.Self, Juju: cfg.Juju, Memory: cfg.Memory, Now: cfg.Now, Pause: cfg.Pause,
		})
	}
	return o
}

type infoRead struct {
	units []jujuapi.UnitInfo
	err   error
	ever  bool
}

type optionsRead struct {
	options options.Options
	err     error
}

type tasksRead struct {
	tasks []jujuapi.Task
	err   error
}

// Observe looks at everything once. waiting says that a step is under way or waited for: then all
// is read again though Juju shows no change, because a databag may have changed without one. It
// fails only if there is nothing to plan from: the model's snapshot could not be had, or the
// application is gone (ErrGone).
func (o *Observer) Observe(ctx context.Context, waiting bool) (observation.Observation, error) {
	model, err := o.cfg.Juju.Snapshot(ctx)
	if err != nil {
		return observation.Observation{}, fmt.Errorf("cannot read the model: %w", err)
	}
	application, ok := model.Applications[o.cfg.Application]
	if !ok {
		return observation.Observation{}, ErrGone
	}
	now := o.cfg.Now()
	changes := o.cfg.Memory.Changes()
	reads := waiting || o.stale(now, model.Hash, changes)
	if reads {
		o.read(ctx)
		o.hash, o.changes, o.readAt = model.Hash, changes, now
	}
	if err := ctx.Err(); err != nil {
		return observation.Observation{}, fmt.Errorf("cannot observe %s: %w", o.cfg.Application, err)
	}

	obs := observation.Observation{
		Now: now, JujuAsked: model.AskedAt, TasksStale: !reads, ModelName: model.Name, ModelUUID: model.UUID, Application: application.Name,
		ApplicationDying:  application.Life != jujuapi.Alive,
		ApplicationStatus: statusText(application.Status),
		Self:              o.cfg.Self, Claimed: o.cfg.Memory.Claimed(), TakeOver: o.cfg.TakeOver,
		Policy: o.cfg.Policy(), Options: o.options.options, Exposures: application.Exposures, Local: o.cfg.Local(),
	}
	seen := readInfo(o.info.units, application.Name)
	o.remember(&seen, application)
	obs.Blind = append(obs.Blind, o.blind(model.Name)...)
	obs.Blind = append(obs.Blind, seen.blind...)
	obs.Latch, obs.LatchRead = seen.latch, o.info.err == nil && seen.latchRead
	obs.TooLarge = seen.tooLarge
	obs.Units = o.units(model, application, seen, now)
	o.history.noteGone(now, model, obs.Units)
	obs.Clients = o.clients(model, application)
	obs.StoreRelated = o.storeRelated(application)
	obs.Volumes, obs.VolumesReported = volumes(model.Storage, application), model.StorageReported
	o.peerRelation(application, &obs)
	o.authority(application, seen, now, &obs)

	endpoints := clientEndpoints(obs)
	o.mu.Lock()
	o.endpoints = endpoints
	o.mu.Unlock()
	o.look(ctx, endpoints, waiting, &obs)
	if err := ctx.Err(); err != nil {
		return observation.Observation{}, fmt.Errorf("cannot observe %s: %w", o.cfg.Application, err)
	}
	obs.Now = o.cfg.Now() // the look may have taken seconds
	o.history.note(obs.Now, &obs)
	o.history.notice(model.TakenAt, &obs)
	obs.History = o.history.snapshot(o.cfg.Memory)
	obs.History.Held = o.history.holdUp(obs)
	return obs, nil
}

// Etcd is the way to the cluster as of the last observation, direct or through its units; nil
// before the first. It is safe for concurrent use.
func (o *Observer) Etcd() world.Etcd {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.usesUnits {
		return o.through
	}
	return o.etcd
}

// Endpoints are the addresses that the last observation asked, beside those that members name
// themselves. It is safe for concurrent use.
func (o *Observer) Endpoints() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.endpoints
}

// Credentials are those of the connection. Whoever asks for them must not let them out of the
// process's memory, but for a file that a person asked for.
func (o *Observer) Credentials() world.Credentials {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.credentials
}

// Close ends the connections to etcd.
func (o *Observer) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.etcd != nil {
		o.etcd.Close()
		o.etcd = nil
	}
}

// stale says that what was read before may not be true any more.
func (o *Observer) stale(now time.Time, hash string, changes int64) bool {
	return o.readAt.IsZero() || hash != o.hash || changes != o.changes || o.cfg.Memory.Busy() ||
		now.Sub(o.readAt) >= o.cfg.Resync || o.info.err != nil || o.options.err != nil || o.tasks.err != nil
}

// read asks Juju for everything that the snapshot does not hold, at once. What fails keeps its last
// value, and its error.
func (o *Observer) read(ctx context.Context) {
	var wait sync.WaitGroup
	var units []jujuapi.UnitInfo
	var set map[string]jujuapi.Option
	var tasks []jujuapi.Task
	var unitsErr, optionsErr, tasksErr error
	wait.Go(func() { units, unitsErr = o.cfg.Juju.UnitsInfo(ctx, o.cfg.Application) })
	wait.Go(func() { set, optionsErr = o.cfg.Juju.Options(ctx, o.cfg.Application) })
	wait.Go(func() { tasks, tasksErr = o.cfg.Juju.Tasks(ctx, o.cfg.Application) })
	wait.Wait()

	if o.info.err = unitsErr; unitsErr == nil {
		o.info.units, o.info.ever = units, true
	}
	if o.options.err = optionsErr; optionsErr == nil {
		o.options.options = options.Parse(values(set))
	}
	if o.tasks.err = tasksErr; tasksErr == nil {
		o.tasks.tasks = tasks
	}
}

// values are the options that are set or have a default.
func values(options map[string]jujuapi.Option) map[string]any {
	out := make(map[string]any, len(options))
	for name, o := range options {
		if o.Value != nil {
			out[name] = o.Value
		} else if o.Default != nil {
			out[name] = o.Default
		}
	}
	return out
}

// blind says what Juju did not say.
func (o *Observer) blind(model string) []string {
	var blind []string
	say := func(what string, err error) {
		if err != nil {
			blind = append(blind, fmt.Sprintf("cannot read %s of %s in model %s: %v", what, o.cfg.Application, model, err))
		}
	}
	say("the databags", o.info.err)
	say("the options", o.options.err)
	say("the pending tasks", o.tasks.err)
	return blind
}
