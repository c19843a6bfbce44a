package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/snapshot/store"
)

// Situation is what only the caller knows when a spec is applied.
type Situation struct {
	// Latch is the cluster's latch as Juju has committed it, or with a granted claim of this delivery.
	Latch v1alpha1.Latch
	// Leader says that this unit is the Juju leader.
	Leader bool
	// Action is the Juju task number of the delivery.
	Action int64
	// Addresses are the unit's own; its server certificate must be good for the ingress ones.
	Addresses v1alpha1.UnitAddresses
	// Server and Client are leaves that have arrived, nil if none has.
	Server, Client *tlsfiles.Leaf
	// SnapFile finds a snap that was uploaded with the charm, which is installed instead of the channel's; empty where there is
	// none. It is asked only when the snap is missing. Nil means none.
	SnapFile func(ctx context.Context) string
	// Store is the provider of s3-credentials, which has secrets; nil means none.
	Store func(ctx context.Context) (store.Provider, error)
}

// Seen is what Admit needs to know of the machine.
type Seen struct {
	Now       time.Time
	Unit      string
	ModelUUID string
	Record    record.Record
	// Present, Member, Cluster and DataDir are what the data directory says.
	Present         bool
	Member, Cluster string
	DataDir         string
	// Mark is the token that the data directory is marked with, see datadir.Mark.
	Mark string
	// Taken says whose the machine is if it is not this unit's.
	Taken *v1alpha1.TakenFacts
	// Version is the version of the installed etcd, zero if it is not known.
	Version etcdconf.Version
}

// Refusal says why a delivery is not carried out.
type Refusal struct {
	Reason  string
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(reason, format string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Admit says why a delivery must be refused; nil if it may be carried out. It is pure.
//
// A delivery that was admitted before (same epoch, same task, or just the same desired state) is admitted again in whatever
// state a crash has left the machine, save that it is late.
func Admit(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	for _, check := range []func(*v1alpha1.EtcdUnitSpec, Situation, Seen) *Refusal{
		admitAddress, admitMachine, admitSpec, admitTime, admitEpoch, admitLatch, admitIdentity, admitStart, admitPhase, admitRestore,
	} {
		if r := check(spec, s, seen); r != nil {
			return r
		}
	}
	return nil
}

func admitAddress(spec *v1alpha1.EtcdUnitSpec, _ Situation, seen Seen) *Refusal {
	switch {
	case spec.Unit != seen.Unit:
		return refuse(v1alpha1.ReasonOtherUnit, "cannot apply a spec for unit %q: this is %s", spec.Unit, seen.Unit)
	case seen.ModelUUID != "" && spec.ModelUUID != seen.ModelUUID:
		return refuse(v1alpha1.ReasonOtherUnit, "cannot apply a spec for model %q: this is model %s", spec.ModelUUID, seen.ModelUUID)
	}
	return nil
}

// admitMachine wants the machine to be this unit's, or to be cleared for it.
func admitMachine(spec *v1alpha1.EtcdUnitSpec, _ Situation, seen Seen) *Refusal {
	if seen.Taken == nil || seen.Taken.ClearedBy(spec.Delivery.Orphans) {
		return nil
	}
	return refuse(v1alpha1.ReasonTaken, "cannot apply a delivery for %s: %s", seen.Unit, Occupied(seen.Taken, spec.ModelUUID))
}

func admitSpec(spec *v1alpha1.EtcdUnitSpec, _ Situation, seen Seen) *Refusal {
	err := Validate(spec, seen.Version)
	if seen.Present && seen.DataDir != spec.Etcd.DataDir && !spec.Delivery.AllowReset {
		err = errors.Join(err, fmt.Errorf("etcd.dataDir %s: the member's data is in %s, and moving it is not supported",
			spec.Etcd.DataDir, seen.DataDir))
	}
	if err != nil {
		return refuse(v1alpha1.ReasonBadSpec, "cannot apply the spec: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// Validate says all that is wrong with a spec, whatever the machine is like; with a version, also what that etcd would not
// take.
func Validate(spec *v1alpha1.EtcdUnitSpec, v etcdconf.Version) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if spec.Snap.Name != SnapName {
		fault("snap.name %q must be %q", spec.Snap.Name, SnapName)
	}
	if strings.ContainsAny(spec.Snap.Channel, " \t\n?&#") {
		fault("snap.channel %q is not a channel", spec.Snap.Channel)
	}
	if spec.Delivery.Epoch.Number < 1 || spec.Delivery.Epoch.Holder == "" {
		fault("delivery.epoch must have a number and a holder")
	}
	if spec.Delivery.NotAfter.IsZero() {
		fault("delivery.notAfter must be set")
	}
	if spec.Delivery.AllowReset && len(spec.Delivery.Members) == 0 {
		fault("delivery.members must be set with allowReset")
	}
	switch st := spec.Service.State; st {
	case v1alpha1.ServiceStopped, v1alpha1.ServiceRunning, v1alpha1.ServiceHalted:
	default:
		fault("service.state %q must be Stopped, Running or Halted", st)
	}
	if r := spec.Etcd.Restore; r != nil && (r.ID == "" || r.Back != (spec.Service.State == v1alpha1.ServiceHalted) || spec.Service.State == v1alpha1.ServiceStopped) {
		fault("etcd.restore must have an ID, and is with service.state Running, or back with Halted")
	}
	if spec.Etcd.Initial != nil && spec.Service.State != v1alpha1.ServiceRunning {
		fault("etcd.initial must be unset with service.state %s", spec.Service.State)
	}
	for _, port := range spec.OpenPorts {
		if port < 1 || port > 65535 {
			fault("openPorts: %d is not between 1 and 65535", port)
		}
	}
	if spec.TLS.CABundle != "" {
		if certs, err := pki.Certificates(spec.TLS.CABundle); err != nil || len(certs) == 0 {
			fault("tls.caBundle holds no certificate that can be read")
		}
	}
	faults = append(faults, etcdconf.Validate(spec.Etcd, v))
	return errors.Join(faults...)
}

func admitTime(spec *v1alpha1.EtcdUnitSpec, _ Situation, seen Seen) *Refusal {
	if end := spec.Delivery.NotAfter.Time; seen.Now.After(end) {
		return refuse(v1alpha1.ReasonLate, "cannot apply a delivery of which the time was over at %s: it is %s here",
			end.UTC().Format(time.RFC3339), seen.Now.UTC().Format(time.RFC3339))
	}
	return nil
}

// admitEpoch holds the delivery against the daemon that leads the cluster, and against what has been applied.
//
// Who leads is what the latch says: without a claim, which is judged by the latch alone (admitLatch), the delivery's epoch is the
// latch's, or anybody who may run an action could make up one that no daemon ever reaches. A recorded epoch above the latch's leads
// nobody: a claim was recorded here and never committed, because the agent died in between, or an older agent has taken it without
// one. It bars no epoch, but the order of Juju's tasks holds.
func admitEpoch(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	epoch, applied := spec.Delivery.Epoch, seen.Record.Epoch
	latched := s.Latch.Epoch
	claims := spec.Latch != nil && spec.Latch.Claim != nil
	void := latched == nil || applied.Number > latched.Number
	switch {
	case latched != nil && epoch.Number < latched.Number:
		return refuse(v1alpha1.ReasonOlderEpoch, "cannot apply a delivery of epoch %s: the cluster is led by epoch %s", &epoch, latched)
	case !claims && latched == nil:
		return refuse(v1alpha1.ReasonForeignHolder, "cannot apply a delivery of epoch %s: no daemon has claimed this cluster", &epoch)
	case !claims && epoch.Number > latched.Number:
		return refuse(v1alpha1.ReasonForeignHolder, "cannot apply a delivery of epoch %s without a claim: the cluster is led by epoch %s",
			&epoch, latched)
	case !claims && epoch != *latched:
		return refuse(v1alpha1.ReasonForeignHolder, "cannot apply a delivery of %s: epoch %d belongs to another daemon",
			epoch.Holder, epoch.Number)
	case (void || epoch == applied) && s.Action < seen.Record.Action:
		return refuse(v1alpha1.ReasonOlderAction, "cannot apply task %d: task %d has been applied", s.Action, seen.Record.Action)
	}
	return nil
}

func admitLatch(spec *v1alpha1.EtcdUnitSpec, s Situation, _ Seen) *Refusal {
	if spec.Latch == nil {
		return nil
	}
	if !s.Leader {
		return refuse(v1alpha1.ReasonNotLeader, "cannot write the cluster's latch: this unit is not the Juju leader")
	}
	request := *spec.Latch
	if s.Latch.Epoch != nil && *s.Latch.Epoch == spec.Delivery.Epoch {
		request.Claim = nil // granted already
	}
	if _, err := s.Latch.Apply(request, spec.Delivery.Epoch); err != nil {
		return refuse(v1alpha1.ReasonLatchDiffers, "%v", err)
	}
	return nil
}

// admitIdentity holds what the sender takes for granted against the data directory.
func admitIdentity(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	if !seen.Present || mayReset(spec, seen) || isRestored(spec, seen) {
		return nil
	}
	d := spec.Delivery
	expected := d.ExpectClusterID
	if expected == "" {
		expected = s.Latch.ClusterID
	}
	if expected != "" && expected != seen.Cluster {
		return refuse(v1alpha1.ReasonOtherCluster, "cannot apply a delivery for cluster %s: the data here is of cluster %s",
			expected, seen.Cluster)
	}
	if d.ExpectMemberID != "" && d.ExpectMemberID != seen.Member {
		return refuse(v1alpha1.ReasonOtherMember, "cannot apply a delivery for member %s: the data here is of member %s",
			d.ExpectMemberID, seen.Member)
	}
	return nil
}

// mayReset says that what is left of a member here may be set aside: it is known which one it was, and it is no member any
// more.
func mayReset(spec *v1alpha1.EtcdUnitSpec, seen Seen) bool {
	id := ownMember(seen)
	return spec.Delivery.AllowReset && id != "" && !slices.Contains(spec.Delivery.Members, id)
}

// ownMember is the ID of the member whose data is here, or was.
func ownMember(seen Seen) string {
	if seen.Present {
		return seen.Member
	}
	return seen.Record.Member.MemberID
}

// admitStart guards the start of a member that has no data.
func admitStart(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	initial := spec.Etcd.Initial
	if initial == nil {
		return nil
	}
	reset := mayReset(spec, seen)
	if seen.Present && !reset && !repeated(spec, seen) && !expectedMember(spec, seen) {
		return refuse(v1alpha1.ReasonDataPresent, "cannot start with state %s: the data directory holds member %s of cluster %s",
			initial.State, seen.Member, seen.Cluster)
	}
	if lost(seen.Record.Member, seen.Present, seen.Mark) && !reset && !outlived(s, seen) {
		return refuse(v1alpha1.ReasonDataLost, "cannot start with state %s: member %s was started here, and its data is gone",
			initial.State, seen.Record.Member.MemberID)
	}
	if initial.State != v1alpha1.InitialNew {
		return nil
	}
	if s.Latch.ClusterID != "" && !seen.Present {
		return refuse(v1alpha1.ReasonDataLost, "cannot start with state new: the cluster is there already, as %s", s.Latch.ClusterID)
	}
	return admitSeed(spec, s)
}

// lost says that a member was started here, and its data is gone. A start with state new counts as soon as the mark that was left before
// it is gone, too: nobody knows then what the member has promised to the others, whether its data was ever seen or not.
func lost(m record.Member, present bool, mark string) bool {
	return !present && (m.Started || m.StartedNew && (m.Token == "" || m.Token != mark))
}

// outlived says that the member which was started here, and has no data any more, is of a cluster that was given up: the latched seeds
// have another token.
func outlived(s Situation, seen Seen) bool {
	token := seen.Record.Token()
	return !seen.Present && token != "" && s.Latch.Seeds != nil && s.Latch.Seeds.Token != token
}

// repeated says that this very desired state has been admitted here before: whatever data there is came of it.
func repeated(spec *v1alpha1.EtcdUnitSpec, seen Seen) bool {
	return seen.Record.Hash != "" && seen.Record.Hash == spec.Hash()
}

// expectedMember says that a member which is to be started with state existing is here already, and is the one that the
// sender means.
func expectedMember(spec *v1alpha1.EtcdUnitSpec, seen Seen) bool {
	return spec.Etcd.Initial.State == v1alpha1.InitialExisting && seen.Member != "" &&
		(spec.Delivery.ExpectMemberID == seen.Member || slices.Contains(spec.Delivery.Members, seen.Member))
}

// admitSeed holds a start with state new against the latched seeds, which must be committed before.
func admitSeed(spec *v1alpha1.EtcdUnitSpec, s Situation) *Refusal {
	seeds := s.Latch.Seeds
	own, ok := seeds.Contains(spec.Unit)
	if !ok || own.Name != spec.Etcd.Name {
		return refuse(v1alpha1.ReasonNotSeed, "cannot start with state new: %s is not among the latched seeds", spec.Unit)
	}
	var latched []v1alpha1.NamedMember
	for _, m := range seeds.Members {
		latched = append(latched, v1alpha1.NamedMember{Name: m.Name, PeerURL: m.PeerURL})
	}
	compare := func(a, b v1alpha1.NamedMember) int {
		return strings.Compare(a.Name+"="+a.PeerURL, b.Name+"="+b.PeerURL)
	}
	given := slices.Clone(spec.Etcd.Initial.Members)
	slices.SortFunc(latched, compare)
	slices.SortFunc(given, compare)
	if spec.Etcd.Initial.Token != seeds.Token || !slices.Equal(latched, given) {
		return refuse(v1alpha1.ReasonNotSeed, "cannot start with state new: the latched seeds are others")
	}
	return nil
}
