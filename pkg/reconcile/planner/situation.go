package planner

import (
	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Situation is an observation with all that follows from it, made once. It is immutable, and safe
// for concurrent use by readers only where they share none.
//
// It is made of parts, each of which knows those that it embeds and nothing else: what a part
// cannot see, its functions cannot ask. From the bottom: who is who (roster); the options that are
// in force (choice); where members are and should be (addresses); whom they trust (trust); whose
// the machines are (machines); to whom etcd is exposed (exposure); what is published to clients
// (audience); what is under way (journal); how far a schedule of snapshots is kept (timetable), and one of restore drills (rehearsals);
// whether a unit can take a delivery (reach); what is reported to people (words); what each unit
// should be (desired); how a step is made (steps); and the checks' own: births, membership, orders,
// held, report.
type Situation struct {
	*roster
	*choice
	*exposure
	*desired
	*steps
	*births
	*membership
	*orders
	*held
	*report
	// observed is what it was made of, as it was given.
	observed observation.Observation
	decision *decision
}

// roster is who is who: the units, the members, and which belongs to which.
type roster struct {
	observation.Observation
	// member is each unit's member; owner is the index in Units of each member's unit.
	member map[string]etcdops.Member
	owner  map[etcdops.MemberID]int
	// staying are the units that Juju is not removing. They are looked at and never changed.
	staying []observation.Unit
	// ended is the latch as it is, while units begin anew in place of a cluster that was given up:
	// Latch is then that of one which has yet to be born.
	ended *v1alpha1.Latch
}

// choice is the options that this cluster is to run with; faults say where they differ from what
// the user asked for.
type choice struct {
	*roster
	opts   v1alpha1.ClusterOptions
	faults []string
	// unsure says that an option is faulty and its last good value is not known.
	unsure bool
}

// addresses is where members listen, are found, and come from, and where they should.
type addresses struct {
	*roster
	*choice
	// peerPortTurn is the unit whose member is given the new port for its peers; empty if none is.
	peerPortTurn string
}

// trust is whose certificates members trust, and how long theirs last.
type trust struct {
	*roster
	// otherAuthority is offersAnother, and handed are the fingerprints of bundle: both take reading
	// certificates.
	otherAuthority bool
	handed         []string
}

// machines is whose the units' machines are.
type machines struct {
	*roster
}

// exposure is to whom etcd's port is open, and should be.
type exposure struct {
	*roster
	*choice
}

// audience is what is published to clients, and whether they have heard it.
type audience struct {
	*roster
	*addresses
	*trust
	// list is clientMembers, once it is made.
	list *[]clientMember
}

// journal is what the latch says is under way, what proves that a phase is over, and what persons
// have asked for.
type journal struct {
	*roster
	*addresses
	*trust
	*audience
	underway []underway
}

// reach is whether a unit can take a delivery now.
type reach struct {
	*roster
	*addresses
}

// words is what is reported of units and of the application.
type words struct {
	*roster
	*choice
	*addresses
	*trust
	*machines
	*journal
	*rehearsals
	// view is statusView, once it is made.
	view *etcdops.View
}

// desired is what each unit should be, and whether it is.
type desired struct {
	*roster
	*choice
	*addresses
	*trust
	*machines
	*audience
	*journal
	*reach
	*words
	// specs are those that are made already, by unit.
	specs map[string]madeSpec
}

// steps is how a step is made, and when none may be.
type steps struct {
	*desired
}

// births are the steps from units to a cluster, and from one that has ended to the next.
type births struct {
	*steps
}

// membership is the steps that add, promote, move, restart and remove members.
type membership struct {
	*steps
}

// orders are the steps that see to what persons have asked for.
type orders struct {
	*steps
}

// held is what is reported while nothing is done.
type held struct {
	*steps
}

// report is the status of the cluster.
type report struct {
	*steps
	*exposure
}

// See makes a Situation of an observation.
func See(o observation.Observation) *Situation {
	r := &roster{Observation: o, member: map[string]etcdops.Member{}, owner: map[etcdops.MemberID]int{}}
	r.staying = filter(o.Units, func(u observation.Unit) bool { return !u.Dying })
	r.forget()
	r.match()
	c := &choice{roster: r}
	c.choose()
	a := &addresses{roster: r, choice: c}
	a.peerPortTurn = a.nextPeerPort()
	t := &trust{roster: r}
	t.otherAuthority = t.offersAnother()
	t.handed = pki.Fingerprints(t.bundle())
	m := &machines{r}
	clients := &audience{roster: r, addresses: a, trust: t}
	j := &journal{roster: r, addresses: a, trust: t, audience: clients}
	j.underway, _ = readJournal(o.Latch)
	drills := r.rehearse(r.schedule())
	d := &desired{r, c, a, t, m, clients, j, &reach{r, a}, &words{r, c, a, t, m, j, drills, nil}, map[string]madeSpec{}}
	s, e := &steps{d}, &exposure{r, c}
	return &Situation{r, c, e, d, s, &births{s}, &membership{s}, &orders{s}, &held{s}, &report{s, e}, o, nil}
}
