package simulation

import (
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/world"
)

// An authority may be replaced by another one. What a machine has of it:
//
//	bundle          the authorities on disk, as fingerprints, and leafOf whose the leaf on disk is
//	process.trusts  what the process has read of the bundle when it started
//
// and two invariants:
//
//	T1  any two running members of a cluster trust each other's leaf, so that their next connection is as good as their last
//	T2  a client that is given a running member trusts its leaf, and is let in by it

// trust is what a machine has of authorities.
type trust struct {
	bundle []string
	leafOf string
}

// RenewAuthority lets the application's provider be another authority from now on: the next of the
// few that there are.
func (a *App) RenewAuthority() { a.offers("") }

// AddAuthority lets the provider offer the next authority beside its own, and leaves of that one at
// once; false if it has done so already.
func (a *App) AddAuthority() bool {
	if a.beside != "" {
		return false
	}
	a.offers(a.authority().ca)
	return true
}

func (a *App) offers(beside string) {
	a.offered, a.beside = (a.offered+1)%len(authorities()), beside
	for _, u := range a.units {
		a.sim.hook(u, a.sim.between(0, 5*time.Second))
	}
}

// AsksToRotate says that the provider offers no authority that members trust.
func (a *App) AsksToRotate() bool {
	offered := pki.Fingerprints(a.offeredCA())
	for _, u := range a.units {
		trusted := func(print string) bool { return slices.Contains(u.agent.bundle, print) }
		if u.agent.process.data != nil && len(u.agent.bundle) > 0 && !slices.ContainsFunc(offered, trusted) {
			return true
		}
	}
	return false
}

// UsesWhatIsOffered says that every member shows a leaf that the provider gives now.
func (a *App) UsesWhatIsOffered() bool {
	return !slices.ContainsFunc(a.units, func(u *Unit) bool { return u.agent.process.data != nil && u.agent.leafOf != a.authority().print() })
}

// authority is the one whose leaves the provider gives.
func (a *App) authority() authority { return authorities()[a.offered] }

// offeredCA is the bundle that it offers.
func (a *App) offeredCA() string { return a.beside + a.authority().ca }

func (c authority) print() string { return pki.Fingerprints(c.ca)[0] }

// Born says that the cluster has its identity.
func (a *App) Born() bool { return a.latch.ClusterID != "" }

// Procedure is what the journal has under way; empty if nothing is.
func (a *App) Procedure() string {
	entries, err := a.latch.Entries()
	if err != nil || len(entries) == 0 {
		return ""
	}
	return entries[0].Moment()
}

// Ask lets a person run an action on the unit that the daemon is to see to; it says whether the
// charm takes it.
func (s *Sim) Ask(u *Unit, kind string) bool {
	a := u.agent
	handled := u.app.latch.Handled[u.Name]
	if u.databag == "" || u.life != jujuapi.Alive || u.app.latch.ClusterID == "" || a.request != nil && a.request.Task > handled && a.request.Kind != kind {
		s.say("the charm does not take %s on %s: %v, handled %d", kind, u.Name, a.request, handled)
		return false
	}
	subject := ""
	if kind == v1alpha1.ActionProceed || kind == v1alpha1.ActionGoBack {
		if subject = u.app.Procedure(); subject == "" {
			return false
		}
	}
	s.juju.counter++
	s.juju.tasks = append(s.juju.tasks, &task{id: s.juju.counter, unit: u, action: kind, status: jujuapi.TaskCompleted, enqueued: s.now})
	a.request = &v1alpha1.Request{Task: int64(s.juju.counter), Kind: kind, Subject: subject}
	s.say("a person runs task %d (%s %s) on %s", s.juju.counter, kind, subject, u.Name)
	s.hook(u, 0)
	return true
}

// ClientsKeepUp says that every client has read what its units of etcd publish now.
func (a *App) ClientsKeepUp() bool {
	for _, c := range a.clients {
		if c.busy || len(c.due) > 0 {
			return false
		}
	}
	return true
}

// TakeOffered puts a leaf that the provider gives now in its place on the unit's machine, as a hook
// does that runs before the unit knows whom members trust.
func (s *Sim) TakeOffered(u *Unit) {
	u.agent.leafOf = u.app.authority().print()
	s.hook(u, 0)
}

// SlowestHook is how long the slowest client's hook takes.
func (a *App) SlowestHook() time.Duration {
	var slowest time.Duration
	for _, c := range a.clients {
		slowest = max(slowest, c.takes)
	}
	return slowest
}

// takeLeaf puts a leaf of the provider in its place if the unit's spec names such, or the unit
// trusts it and has no spec yet.
func (a *Agent) takeLeaf() {
	offered := a.unit.app.authority().print()
	leaves := a.bundle
	if spec := a.record.Spec; spec != nil && len(spec.TLS.Leaves) > 0 {
		leaves = spec.TLS.Leaves
	}
	if !a.unit.app.related || a.leafOf == offered || len(leaves) > 0 && (!slices.Contains(leaves, offered) || len(a.bundle) > 0 && !slices.Contains(a.bundle, offered)) {
		return
	}
	a.leafOf = offered
	a.sim.judgeTrust()
}

// takeBundle puts the bundle of a spec in its place.
func (a *Agent) takeBundle(spec *v1alpha1.EtcdUnitSpec) error {
	prints := pki.Fingerprints(spec.TLS.CABundle)
	if len(prints) == 0 || slices.Equal(prints, a.bundle) {
		return nil
	}
	if a.leafOf != "" && !slices.Contains(prints, a.leafOf) {
		if offered := a.unit.app.authority().print(); !slices.Contains(prints, offered) || !a.unit.app.related {
			return fmt.Errorf("the leaf of %s is not trusted by the bundle", a.unit.Name)
		}
	}
	a.bundle = prints
	a.sim.counts.FileWrites++
	return nil
}

// trustFacts are what the unit reports of authorities.
func (a *Agent) trustFacts(f *v1alpha1.CertificateFacts) {
	offered := a.unit.app.authority()
	f.CA = a.bundle
	if a.unit.app.related {
		f.OfferedCA, f.From = a.unit.app.offeredCA(), "easyrsa"
	}
	if slices.Contains(a.bundle, a.leafOf) {
		f.Of = []string{a.leafOf}
	}
	if len(a.bundle) > 0 && !slices.Equal(a.bundle, pki.Fingerprints(f.OfferedCA)) {
		for _, print := range a.bundle {
			for _, c := range authorities() {
				if c.print() == print {
					f.TrustedCA += c.ca
				}
			}
		}
	}
	spec := a.record.Spec
	if spec == nil || !a.process.up || a.process.config != a.process.wanted {
		return
	}
	var proof v1alpha1.ProofFacts
	if slices.Contains(spec.TLS.Leaves, a.leafOf) {
		proof.Serves = spec.TLS.Leaves
	}
	if next := spec.TLS.Next; a.unit.app.related && slices.Contains(next, offered.print()) && slices.Contains(a.process.trusts, offered.print()) {
		proof.Accepts = next
	}
	if len(proof.Serves)+len(proof.Accepts) > 0 {
		f.Proof = &proof
	}
}

// judgeTrust is asked when a process has started, and when a leaf has changed.
func (s *Sim) judgeTrust() {
	for _, c := range s.clusters {
		var running []*Machine
		for _, m := range c.members {
			if h := c.host(m); h != nil && h.process.up {
				running = append(running, h)
			}
		}
		for _, x := range running {
			for _, y := range running {
				if x != y && x.leafOf != "" && !slices.Contains(y.process.trusts, x.leafOf) {
					s.violate("T1: the member of machine %d does not trust the leaf of that of machine %d", y.number, x.number)
				}
			}
			for _, client := range c.app.clients {
				given := slices.Contains(client.list, x.clientURL()) && client.certOf != ""
				if given && (!slices.Contains(client.trusts, x.leafOf) || !slices.Contains(x.process.trusts, client.certOf)) {
					s.violate("T2: %s and the member of machine %d do not trust each other", client.name, x.number)
				}
			}
		}
	}
}

// lets says that a member lets the daemon in, and the daemon trusts it.
func (d *Daemon) lets(m *Machine) bool {
	if d.credentials.Empty() {
		return false
	}
	return slices.Contains(m.process.trusts, pki.Fingerprints(d.credentials.Cert)[0]) && slices.Contains(pki.Fingerprints(d.credentials.CA), m.leafOf)
}

// shut takes from a view what the daemon's credentials do not open.
func (d *Daemon) shut(v etcdops.View) etcdops.View {
	opened := false
	for _, m := range d.sim.juju.machines {
		h, asked := v.Health[m.clientURL()]
		switch {
		case !asked || !h.Answered:
		case d.lets(m):
			opened = opened || h.Serves && !h.Learner
		default:
			v.Health[m.clientURL()] = etcdops.EndpointHealth{Endpoint: h.Endpoint, At: h.At, Fault: etcdops.FaultTLS}
		}
	}
	if v.Listed && !opened {
		v.Listed, v.Members, v.Err = false, nil, "no endpoint let us in"
	}
	return v
}

// dial is how the daemon connects from now on.
func (d *Daemon) dial(c world.Credentials) (world.Etcd, error) {
	d.credentials = c
	return d, nil
}

// keys are what a daemon keeps on its disk. It asks nobody to sign: the provider gives all its
// requirers the same pair.
type keys struct {
	app  *App
	self string
}

func (keys) Requests(time.Time, string) ([]string, error) { return nil, nil }

func (keys) Signed([]v1alpha1.SignedRequest, string) (world.Credentials, error) {
	return world.Credentials{}, nil
}

func (k keys) Keep(c world.Credentials) error {
	if k.app.kept == nil {
		k.app.kept = map[string]world.Credentials{}
	}
	k.app.kept[k.self] = c
	return nil
}

func (k keys) Kept() (world.Credentials, error) { return k.app.kept[k.self], nil }
