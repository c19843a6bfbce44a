package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// opLockTTL is how long the lock of a change outlives an agent that dies.
const opLockTTL = 15 * time.Second

// operate says to etcd what a daemon asks for that cannot reach it, with the unit's own client certificate. Nothing on the
// machine is touched, and no record is kept: a look changes nothing, and a change is fenced by the latch's epoch, the
// delivery's time, the members that it expects, and the guard.
func (m *Machine) operate(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, s Situation) v1alpha1.EtcdUnitStatus {
	status := v1alpha1.EtcdUnitStatus{Outcome: v1alpha1.OutcomeApplied}
	end := func(outcome v1alpha1.Outcome, reason, message string) v1alpha1.EtcdUnitStatus {
		status.Outcome, status.Reason, status.Message = outcome, reason, message
		return status
	}
	a := &application{m: m, spec: spec, s: s}
	if err := a.look(ctx); err != nil {
		return end(v1alpha1.OutcomeFailed, v1alpha1.ReasonMachine, err.Error())
	}
	if r := AdmitOps(spec, s, a.seen()); r != nil {
		return end(v1alpha1.OutcomeRefused, r.Reason, r.Message)
	}
	cluster, err := m.connect()
	if err != nil {
		return end(v1alpha1.OutcomeFailed, v1alpha1.ReasonNoCertificate, err.Error())
	}
	defer cluster.Close()
	for _, op := range spec.Ops {
		if op.Changes() && status.Outcome != v1alpha1.OutcomeApplied {
			continue
		}
		r := a.op(ctx, cluster, op)
		status.Ops = append(status.Ops, r)
		if r.Outcome != v1alpha1.OutcomeApplied && status.Outcome == v1alpha1.OutcomeApplied {
			status.Outcome, status.Reason, status.Message = r.Outcome, r.Reason, r.Message
		}
	}
	return status
}

// AdmitOps says why a delivery with ops must be refused; nil if its ops may be begun. It is pure. Looks are not held against
// the epoch: they change nothing, and a daemon has to look before it knows whether it has anything to claim the cluster for.
func AdmitOps(spec *v1alpha1.EtcdUnitSpec, s Situation, seen Seen) *Refusal {
	checks := []func(*v1alpha1.EtcdUnitSpec, Situation, Seen) *Refusal{admitAddress, admitMachine, admitOps, admitTime, admitIdentity}
	if slices.ContainsFunc(spec.Ops, v1alpha1.EtcdOp.Changes) {
		checks = append(checks, admitLed, admitEpoch)
	}
	for _, check := range checks {
		if r := check(spec, s, seen); r != nil {
			return r
		}
	}
	return nil
}

// admitOps holds the ops themselves against what each kind needs.
func admitOps(spec *v1alpha1.EtcdUnitSpec, _ Situation, _ Seen) *Refusal {
	var faults []error
	fault := func(i int, format string, args ...any) {
		faults = append(faults, fmt.Errorf("ops[%d].%s", i, fmt.Sprintf(format, args...)))
	}
	if spec.Latch != nil {
		faults = append(faults, errors.New("latch must be unset with ops"))
	}
	if spec.Delivery.NotAfter.IsZero() {
		faults = append(faults, errors.New("delivery.notAfter must be set"))
	}
	for i, op := range spec.Ops {
		if !op.Changes() {
			continue
		}
		needs, known := etcdops.NeedsOf(etcdops.ChangeKind(op.Kind))
		if !known {
			fault(i, "kind %q is not known here", op.Kind)
			continue
		}
		if needs.PeerURL && op.PeerURL == "" {
			fault(i, "peerURL must be set")
		}
		if id, err := etcdops.ParseMemberID(op.Member); needs.Member && (err != nil || id == 0) {
			fault(i, "member %q is no member ID", op.Member)
		}
		if len(op.ExpectMembers) == 0 {
			fault(i, "expectMembers must be set")
		}
		if needs.LagLimit && op.LagLimit < 1 {
			fault(i, "lagLimit must be at least 1")
		}
	}
	if err := errors.Join(faults...); err != nil {
		return refuse(v1alpha1.ReasonBadSpec, "cannot do the ops: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return nil
}

// admitLed wants a change to come from the daemon that holds the epoch, of the latched cluster.
func admitLed(spec *v1alpha1.EtcdUnitSpec, s Situation, _ Seen) *Refusal {
	switch {
	case s.Latch.Epoch == nil:
		return refuse(v1alpha1.ReasonForeignHolder, "cannot change members: no daemon has claimed this cluster")
	case spec.Delivery.Epoch.Number > s.Latch.Epoch.Number:
		return refuse(v1alpha1.ReasonForeignHolder, "cannot change members in epoch %s: the cluster is led by epoch %s",
			&spec.Delivery.Epoch, s.Latch.Epoch)
	case s.Latch.ClusterID == "" || spec.Delivery.ExpectClusterID != s.Latch.ClusterID:
		return refuse(v1alpha1.ReasonOtherCluster, "cannot change members of cluster %q: the latched one is %q",
			spec.Delivery.ExpectClusterID, s.Latch.ClusterID)
	}
	return nil
}

// op does one op.
func (a *application) op(ctx context.Context, cluster Cluster, op v1alpha1.EtcdOp) v1alpha1.EtcdOpResult {
	result := v1alpha1.EtcdOpResult{Kind: op.Kind, Outcome: v1alpha1.OutcomeApplied}
	if !op.Changes() {
		text, err := json.Marshal(cluster.Look(ctx, a.lookFrom(op)))
		if err != nil {
			result.Outcome, result.Reason, result.Message = v1alpha1.OutcomeFailed, v1alpha1.ReasonEtcd, err.Error()
		}
		result.View = string(text)
		return result
	}
	err := a.change(ctx, cluster, op)
	var r *Refusal
	switch {
	case err == nil:
	case errors.As(err, &r):
		result.Outcome, result.Reason, result.Message = v1alpha1.OutcomeRefused, r.Reason, r.Message
	default:
		result.Outcome, result.Reason, result.Message = v1alpha1.OutcomeFailed, v1alpha1.ReasonEtcd, err.Error()
	}
	return result
}

// change makes one change in etcd:
//
//  1. the lock key is taken (etcdops.Under), unless the change is one for when nobody can take it;
//     losing it cancels what follows, and so does the end of its lease by our clock;
//  2. etcd is looked at, and must be the cluster, with the members, that the sender saw;
//  3. the guard that the planner asked is asked again;
//  4. the change is made, unless the look shows that it is there already.
func (a *application) change(ctx context.Context, cluster Cluster, op v1alpha1.EtcdOp) error {
	id, err := etcdops.ParseMemberID(op.Member)
	if err != nil {
		return err
	}
	change, err := etcdops.Op{Kind: etcdops.ChangeKind(op.Kind), Member: id, PeerURL: op.PeerURL}.Change()
	if err != nil {
		return err
	}
	endpoints := a.lookFrom(op)
	hold := a.hold(endpoints, string(op.Kind), opLockTTL)
	hold.Unlocked = etcdops.Unlocked(change)
	hold.Holder = "jujuetcd " + a.spec.Delivery.Epoch.Holder + " through " + a.spec.Unit
	err = etcdops.Under(ctx, cluster, hold, func(ctx context.Context) error { return a.changeUnder(ctx, cluster, change, op, endpoints) })
	if errors.Is(err, etcdops.ErrLocked) {
		return refuse(v1alpha1.ReasonLocked, "%v", err)
	}
	return err
}

// hold is how an agent holds the lock for its unit.
func (a *application) hold(endpoints []string, purpose string, ttl time.Duration) etcdops.Hold {
	return etcdops.Hold{Endpoints: endpoints, Holder: a.spec.Unit, Purpose: purpose, TTL: ttl, Wait: lockWait, Now: a.m.o.Now,
		Left: func(err error) { a.m.log.Error(err, "Left the cluster's lock to its lease") }}
}

// changeUnder is what is done under the lock.
func (a *application) changeUnder(ctx context.Context, cluster Cluster, change etcdops.Change, op v1alpha1.EtcdOp, endpoints []string) error {
	view := cluster.Look(ctx, endpoints)
	if expected := a.spec.Delivery.ExpectClusterID; view.Listed && view.ClusterID.String() != expected {
		return refuse(v1alpha1.ReasonOtherCluster, "cannot change members of cluster %s: cluster %s answers", expected, view.ClusterID)
	}
	if change.Done(view) {
		return nil
	}
	if !view.Listed {
		return refuse(v1alpha1.ReasonQuorumGuard, "cannot change members: there is no current member list (%s)", view.Err)
	}
	if have := memberIDs(view); !slices.Equal(have, slices.Sorted(slices.Values(op.ExpectMembers))) {
		return refuse(v1alpha1.ReasonOtherMembers, "cannot change members: they are %s, and the sender saw %s",
			strings.Join(have, ", "), strings.Join(op.ExpectMembers, ", "))
	}
	if err := change.Guard(view, etcdops.Limits{Lag: op.LagLimit}); err != nil {
		return refuse(v1alpha1.ReasonQuorumGuard, "%v", err)
	}
	if err := etcdops.Fenced(ctx); err != nil {
		return err
	}
	a.m.log.Info("Changes the cluster for its daemon", "change", op.Kind, "member", op.Member, "peerURL", op.PeerURL)
	return cluster.Do(ctx, view, change)
}

// lookFrom are the endpoints of an op, and what this unit knows by itself.
func (a *application) lookFrom(op v1alpha1.EtcdOp) []string {
	endpoints := slices.Clone(op.Endpoints)
	if last := a.record.Spec; last != nil {
		endpoints = slices.Concat(endpoints, last.Etcd.AdvertiseClientURLs, last.Clients.Endpoints, []string{ownURL(a.record)})
	}
	slices.Sort(endpoints)
	return slices.Compact(endpoints)
}

func memberIDs(v etcdops.View) []string {
	var ids []string
	for _, m := range v.Members {
		ids = append(ids, m.ID.String())
	}
	slices.Sort(ids)
	return ids
}
