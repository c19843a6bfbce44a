package simulation

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/world"
)

// Application and Second are the names of the applications that a world can have.
const (
	Application = "etcd"
	Second      = "other"
)

// App is one application of the charm, with its latch, which dies with it.
type App struct {
	// offered is which of the authorities the provider is.
	offered int
	// beside is what its bundle has before that; empty if nothing.
	beside string
	// kept are, by daemon, the credentials that were in use last: they are on its disk.
	kept map[string]world.Credentials
	sim  *Sim
	name string
	// peerID and caID are its relations, which an application of the same name that is deployed
	// later does not share.
	peerID, caID int

	units   []*Unit
	related bool
	options map[string]jujuapi.Option
	latch   v1alpha1.Latch
	status  jujuapi.Status
	clients []*Client
	daemon  *Daemon
	dying   bool
	// person is the ID of the cluster that a person has given up.
	person string
	gone   bool
	// restores are the IDs of clusters that persons have had made ready to take its place.
	restores []string
	// green is since when its status has been untrue, see judgeStatus.
	green time.Time
}

func (s *Sim) newApp(name string) *App {
	s.juju.relations += 2
	a := &App{sim: s, name: name, peerID: s.juju.relations - 1, caID: s.juju.relations, options: map[string]jujuapi.Option{}}
	a.status = jujuapi.Status{Current: "waiting"}
	s.juju.apps = append(s.juju.apps, a)
	s.At(judgeStatusEvery, a.judgeStatus)
	return a
}

// Deploy adds an application, without units. It has a name of its own, or that of one that is gone.
func (s *Sim) Deploy(name string) *App { return s.newApp(name) }

// Redeploy deploys the first application anew after Remove: it is the one that the world's own
// methods speak of from now on.
func (s *Sim) Redeploy() { s.DeployAgain(s.App) }

// DeployAgain deploys an application that is gone.
func (s *Sim) DeployAgain(gone *App) *App {
	a := s.newApp(gone.name)
	if s.App == gone {
		s.App = a
	}
	return a
}

// Name is the application's.
func (a *App) Name() string { return a.name }

// Delivered says that no delivery is on its way.
func (a *App) Delivered() bool { return len(a.sim.juju.pending(a.name)) == 0 }

// Remove is remove-application: all units are dying, and with the last of them the application
// goes.
func (a *App) Remove() {
	a.dying = true
	for _, u := range a.Units() {
		a.sim.RemoveUnit(u)
	}
	a.end()
}

// Gone says that the application is not in the model any more.
func (a *App) Gone() bool { return a.gone }

// end lets a dying application go with its last unit.
func (a *App) end() {
	if !a.dying || len(a.units) > 0 || a.gone {
		return
	}
	a.gone = true
	a.sim.juju.apps = slices.DeleteFunc(a.sim.juju.apps, func(o *App) bool { return o == a })
	if a.daemon != nil {
		a.daemon.die("its application is gone")
	}
}

// Relate gives the application its certificate authority; Unrelate takes it away.
func (a *App) Relate() {
	a.related = true
	for _, u := range a.units {
		a.sim.certify(u)
	}
}

// Unrelate takes the certificate authority away. What it signed stays on the machines.
func (a *App) Unrelate() { a.related = false }

// Option is what an option is set to; nil if it is not.
func (a *App) Option(name string) any { return a.options[name].Value }

// SetOption sets one of the application's options.
func (a *App) SetOption(name string, value any) {
	a.options[name] = jujuapi.Option{Value: value, Source: "user"}
	for _, u := range a.units {
		a.sim.hook(u, 0)
	}
}

// AddUnits adds units; their machines appear, their agents start and publish facts in their own
// time.
func (a *App) AddUnits(n int) []*Unit {
	var added []*Unit
	for range n {
		added = append(added, a.AddUnitOn(a.sim.newMachine()))
	}
	return added
}

// AddUnitOn adds a unit on a machine that may carry others, or have carried some.
func (a *App) AddUnitOn(m *Machine) *Unit {
	s := a.sim
	u := &Unit{
		Name: fmt.Sprintf("%s/%d", a.name, s.juju.numbers[a.name]), app: a, life: jujuapi.Alive,
		status: jujuapi.Status{Current: "waiting", Message: "waiting for machine"},
	}
	u.agent = &Agent{Machine: m, unit: u, record: m.recordOf(u)}
	m.units = append(m.units, u)
	s.juju.numbers[a.name]++
	a.units = append(a.units, u)
	s.At(s.between(s.cfg.Provision, s.cfg.Provision*3/2), func() { s.provision(u) })
	return u
}

// BeginAnew is the action begin-anew on a unit with the ID of the cluster that was here; it says
// whether the action takes it.
func (a *App) BeginAnew() bool {
	for _, u := range a.units {
		r := u.agent.request
		waits := r != nil && r.Task > a.latch.Handled[u.Name] && r.Kind != v1alpha1.ActionBeginAnew && !a.latch.Ends()
		if u.life == jujuapi.Alive && u.databag != "" && u.agent.process.data == nil && a.latch.ClusterID != "" && !waits {
			a.sim.juju.counter++
			a.sim.juju.tasks = append(a.sim.juju.tasks, &task{id: a.sim.juju.counter, unit: u, action: v1alpha1.ActionBeginAnew,
				status: jujuapi.TaskCompleted, enqueued: a.sim.now})
			u.agent.request = &v1alpha1.Request{Task: int64(a.sim.juju.counter), Kind: v1alpha1.ActionBeginAnew, Subject: a.latch.ClusterID}
			a.person = a.latch.ClusterID
			a.sim.hook(u, 0)
			return true
		}
	}
	return false
}

// Units are the application's units.
func (a *App) Units() []*Unit { return slices.Clone(a.units) }

// Alive is how many units Juju is not removing.
func (a *App) Alive() int {
	n := 0
	for _, u := range a.units {
		if u.life == jujuapi.Alive {
			n++
		}
	}
	return n
}

// elect makes the first unit that can be reached Juju's leader, if there is none.
func (a *App) elect() {
	usable := func(u *Unit) bool { return u.provisioned && !u.lost && u.life != jujuapi.Dead }
	if slices.ContainsFunc(a.units, func(u *Unit) bool { return u.leader && usable(u) }) {
		return
	}
	for _, u := range a.units {
		u.leader = false
	}
	if i := slices.IndexFunc(a.units, usable); i >= 0 {
		a.units[i].leader = true
	}
}

// Latch is the cluster's latch as Juju has it.
func (a *App) Latch() v1alpha1.Latch { return a.latch }

// Settled says that the daemon has nothing to do and nothing to wait for.
func (a *App) Settled() bool { return a.daemon != nil && !a.daemon.dead && a.daemon.settled }

// Daemon is the process that was started last.
func (a *App) Daemon() *Daemon { return a.daemon }

// Restart kills the daemon and starts another process with its identity.
func (a *App) Restart() *Daemon {
	self := a.daemon.self
	a.daemon.Stop()
	return a.StartDaemon(self)
}

// cluster is the application's newest; nil before it has one.
func (a *App) cluster() *cluster {
	for _, c := range slices.Backward(a.sim.clusters) {
		if c.app == a && (c.id == a.latch.ClusterID || !slices.Contains(a.restores, c.id)) {
			return c
		}
	}
	return nil
}
