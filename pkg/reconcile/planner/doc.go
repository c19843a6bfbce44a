// Package planner decides the one next step for an etcd cluster.
//
// Next is a pure function of an Observation: no clock, no I/O, no randomness, no memory. Give it
// the same observation and it gives the same step; it never changes what it is given. The caller
// takes the step, observes again, and asks again. Plan iterates Next over the effects that Predict
// expects, so that people see what would be done before it is.
//
//	situation := planner.See(o)       // made once a pass, with all that follows from it
//	step, ok := situation.Next()      // !ok: nothing to do, and nothing to wait for
//	steps := situation.Plan()         // Plan()[0] is that step
//	status := situation.Status()      // what is, in conditions and words
//
// # Order
//
// Next asks a chain of small checks, most urgent first (see checks in next.go): pause, nobody
// there, blindness, another daemon; a procedure that this version does not know; a network that is
// closed to us; identity; a cluster that ends, or is given up; lost data; lost quorum; a membership
// change under way; a wiped member; a member that is half moved; units that leave; members without
// a unit; machines that are another's; birth; preparation; updates that disturb nobody; members
// that have moved; growth; restarts; alarms; snapshots of a schedule; and last what persons have
// asked for, and procedures. The first check that answers with an act wins. One that answers with a wait holds back all later
// checks save those that disturb nobody (preparation, updates, requests and procedures), so that a
// cluster in trouble still says so. Gates hold back everything. Whatever a wait holds back, its
// reason is reported: in words alone where no ordinary delivery brings them (see held.go).
//
// Requests and procedures come last because they only write the latch: what a phase wants of units
// is part of every spec (underProcedures), so that the checks before them have brought it there, or
// wait, when a gate is asked.
//
// # Guarantees
//
//   - No act before this process has claimed the epoch; the claim itself is lazy: a settled cluster
//     is not written to. Only who was told to take over claims at once, and once.
//   - At most one membership change is under way: while a member is unstarted or a learner, none is
//     added.
//   - Nobody is removed, stopped or added unless etcdops' guard says that quorum survives it.
//   - State new is handed out only while the latch holds seeds and no cluster ID, and only to those
//     seeds. A seed that has lost what its first start has written is never begun anew alone: all
//     are, under another token, where none has data; or it joins the others.
//   - A latched cluster is replaced by an empty one only if it was marked as ending while Juju kept
//     none of its units, no unit has data, no storage may have it, and nothing answers where it
//     was; or if a person has typed in its ID. Never because no units are seen.
//   - While the journal has an entry that this version does not know, nothing is done.
//   - Clients are given no member before it votes and serves, and of none that has been silent for
//     a minute while a quorum of the others serves; their list never gets empty because of trouble,
//     and a daemon that begins does not change it.
//   - Every unit of a born cluster publishes the same list to clients, whether it votes, joins or
//     leaves, once the members trust it.
//   - A unit whose ports are taken, or whose last delivery has failed otherwise, is not added;
//     whose member was taken back goes behind the others that join, for a pause that grows.
//   - No member that serves leaves with its unit before clients' databags have a list without it,
//     and clients' hooks have run since (which Juju shows of units of the same model only), or 30 s
//     are over.
//   - Nothing is exposed unless the policy allows it and the network is closed to us; what is
//     exposed stays exposed.
//   - Nothing disruptive while something could not be seen, or while an earlier disruptive delivery
//     may still run.
//   - Never two deliveries to one unit; refused and failed ones wait for the unit's NotBefore,
//     and those in progress, too, unless the member has begun to serve since.
//   - A faulty option changes nothing: the last good value is what the units have applied, also for
//     a daemon that has just begun.
//   - A member serves elsewhere only after clients have been given where all others serve and their
//     hooks have run since, or 30 s are over, and its port is open.
//   - One member at a time is given another port for its peers, and none while there is no quorum,
//     so that a loss of power leaves members that find each other. If etcd's leadership moves
//     meanwhile, the turn may, and the one before is given its old port back.
//   - No member that serves is removed while it is the only one at which the others find each
//     other.
//   - Nothing is delivered to a unit whose machine is another's, but for words, a claim, and what
//     clears the machine of units that Juju has not shown for 30 s and that own all that lies
//     there.
//   - A person's request is seen to once: what it leads to, and that it was seen to, are one write
//     of the latch.
//   - A word of a person's (proceed, go-back) counts for the phase that it was given in, and for no
//     later one.
//   - A phase ends only when its gate is proven by what is seen, never because something was
//     delivered.
//   - Members are halted only under a phase of the journal, which the delivery names; such a phase
//     is left when no halt may still run.
//   - In a sole phase nothing is concluded from what etcd says, or does not say.
//   - On top of a phase that rests another procedure may run, and only what is urgent puts aside
//     one that does not; what is below goes on when that is over. One whose unit has vanished goes
//     back, or waits for a person.
//   - Where a procedure is stands in the latch, written by compare-and-set, and nowhere else: any
//     daemon goes on with it.
//   - No procedure is begun before every agent can take part, without a quorum, while a unit joins
//     or leaves, or with two members, of which none may be restarted.
//   - While an authority is replaced, no certificate of the new one is used before every member has
//     proven in fresh handshakes that it lets it in; none of the two is forgotten while a member,
//     or this process, uses certificates of it.
//   - Leaves of an authority that a provider offers beside the one in use are used when the process
//     of every member has read the bundle with both; who has no other joins afterwards. Clients are
//     given that bundle before the first member is restarted to read it.
//   - A rotation goes back only as long as every member trusts the old authority, and, once
//     certificates have changed, somebody offers it.
//   - A rolling restart restarts each member whose process was started under an older stamp, once,
//     by the check that restarts for all else.
//   - At every moment each member's election timeout is at least five times every other member's
//     heartbeat interval.
//   - For each time of a schedule of snapshots one is asked for, of one unit at a time, beside no
//     disruption; a time that was missed is made up once, and two in a row are reported.
//   - A unit's trouble changes its own spec and the Juju leader's (which carries the application's
//     status), no other: for its first minute, until clients are given the other members alone, and
//     unless its data is lost.
//
// # Reserved for a person
//
// A Wait whose Person is set ends only when a person acts: paused; a foreign daemon holds the
// epoch; two cluster IDs, or one that is not the latched one; data or an answering etcd where
// nothing is latched; the data of all members, or of a majority of the latched seeds, is lost; a
// cluster that has ended and may be on storage, or still answers; a journal of a newer version; no
// certificate authority; an option that is out of range before the cluster is born; a provisioned
// unit that does not publish facts for five minutes; a restart of one of only two members, which is
// an outage; members that have all changed their addresses at once; a phase that rests; a request
// that an older agent, this version, or a cluster of two members holds up. Whether another
// authority is wanted, and whether clients that are not related are ready for it, is known to a
// person alone.
//
// # How to add a procedure
//
//   - procedure_NAME.go, and its row in procedures (procedure.go): its phases, each with what units
//     should be and a gate, and its way back. What the ordinary checks can do is not done again
//     there. The drills of export_test.go are two whole ones, of a few lines each.
//   - pkg/apis/v1alpha1: the action in protocol.go, with whether it disturbs, and its parameters;
//     fields of the spec, and the facts that prove a gate, in unit_types.go and facts.go (make
//     generate); a new Protocol if an older agent cannot take part.
//   - deploy/charm/actions.yaml, and its row of kinds in pkg/charm/actions, with the answer and, if
//     it has one, the subject.
//   - pkg/machine and pkg/charm: what the spec's fields do, and how the facts are proven on the
//     machine.
//   - predict.go: what a step changes in those facts, so that the plan goes on past it.
//   - beside it procedure_NAME_test.go, and mutations of its guards in mutation_test.go;
//     test/integration: a test that drives it by its action, under writes.
//   - docs: a how-to; rows of reference/status.md (test/statuswords says which) and
//     reference/parity.md; the fields in reference/interfaces.md.
//
// # Who writes what
//
// The planner builds every EtcdUnitSpec and every Step; the actor adds only Delivery.NotAfter,
// which must be at most v1alpha1.DeliveryTTL ahead, and the observer fills Observation. The words
// of statuses are etcdops'.
package planner
