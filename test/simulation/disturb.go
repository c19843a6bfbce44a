package simulation

import (
	"fmt"
	"math"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// WipeAtBirth takes the disk of a member whose cluster is not latched yet; false if the unit has none. Its etcd dies of it, and systemd
// tries again.
func (s *Sim) WipeAtBirth(u *Unit) bool {
	d := u.agent.process.data
	if d == nil || d.by != u || u.app.latch.Seeds == nil || u.app.latch.ClusterID != "" {
		return false
	}
	s.Wipe(u)
	return true
}

// LoseAtStart takes the disk of the unit's member right after its first start, and lets the agent die before it has seen any data.
func (s *Sim) LoseAtStart(u *Unit) { u.agent.loses = true }

// FailHook puts the unit's hook into error, where its agent stays until Resolve.
func (s *Sim) FailHook(u *Unit) {
	u.failed = true
	s.say("a hook of %s fails", u.Name)
}

// Resolve lets the unit's agent go on after a hook that failed.
func (s *Sim) Resolve(u *Unit) {
	u.failed = false
	s.say("%s is resolved", u.Name)
	u.agent.work()
}

// Unread is a question that Juju does not answer for a while.
type Unread string

// What Juju may not answer.
const (
	UnreadTasks Unread = "the pending tasks"
	UnreadUnits Unread = "the units' databags"
)

// Refuse lets Juju answer no such question for a while.
func (s *Sim) Refuse(what Unread, lasts time.Duration) {
	s.unread[what] = s.now.Add(lasts)
	s.say("Juju does not tell %s for %s", what, lasts)
}

// refuses is the error of a question that Juju does not answer now.
func (s *Sim) refuses(what Unread) error {
	if s.now.Before(s.unread[what]) {
		return fmt.Errorf("cannot read %s: Juju is too busy", what)
	}
	return nil
}

// Forged is what somebody who may run actions, or a daemon that has gone mad, hands a unit by hand.
type Forged int

// Forged deliveries.
const (
	// NoClaim has an epoch far above the latch's, and claims nothing.
	NoClaim Forged = iota
	// WildClaim claims an epoch from which no other one is left.
	WildClaim
	// WrongReset says that a member is none any more that is one.
	WrongReset
	// NewAgain starts with state new, as the latched seeds say, whatever there is.
	NewAgain
	// HaltAlone halts the member under no phase, HaltEnded under one of a procedure that has ended.
	HaltAlone
	HaltEnded
	// HaltInOtherPhase names the procedure that is under way in another phase, and HaltOnWayBack in
	// its phase, on the way back. There must be one.
	HaltInOtherPhase
	HaltOnWayBack
	// Late is a restart whose time has been over for so long that only a clock that is behind takes it.
	Late
)

// Forge queues a forged delivery on the unit, past the daemon; false if there is nothing to forge it from.
func (s *Sim) Forge(u *Unit, what Forged) bool {
	if u.agent.record.Spec == nil || u.app.latch.Epoch == nil || u.life == jujuapi.Dead {
		return false
	}
	spec := *u.agent.record.Spec.DeepCopy()
	spec.Delivery = v1alpha1.Delivery{Protocol: v1alpha1.Protocol, Epoch: *u.app.latch.Epoch, NotAfter: metav1.NewTime(s.now.Add(v1alpha1.DeliveryTTL))}
	spec.Latch, spec.Etcd.Initial = nil, nil
	switch what {
	case NoClaim:
		spec.Delivery.Epoch = v1alpha1.Epoch{Number: math.MaxInt64, Holder: "evil"}
	case WildClaim:
		spec.Delivery.Epoch = v1alpha1.Epoch{Number: math.MaxInt64, Holder: "evil"}
		spec.Latch = &v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: u.app.latch.Epoch}}
	case WrongReset:
		spec.Delivery.AllowReset, spec.Delivery.Members = true, []string{"0000000000000001"}
	case NewAgain:
		seeds := u.app.latch.Seeds
		if seeds == nil {
			return false
		}
		spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: seeds.Token, State: v1alpha1.InitialNew}
		for _, m := range seeds.Members {
			spec.Etcd.Initial.Members = append(spec.Etcd.Initial.Members, v1alpha1.NamedMember{Name: m.Name, PeerURL: m.PeerURL})
		}
	case HaltAlone, HaltEnded, HaltInOtherPhase, HaltOnWayBack:
		return s.forgeHalt(u, spec, what)
	case Late:
		spec.Delivery.NotAfter = metav1.NewTime(s.now.Add(-5 * time.Minute))
		spec.Delivery.AllowRestart = true
	}
	s.queue(u, spec)
	return true
}

// queue hands the unit a delivery, past the daemon.
func (s *Sim) queue(u *Unit, spec v1alpha1.EtcdUnitSpec) {
	s.juju.counter++
	t := &task{id: s.juju.counter, unit: u, spec: spec, status: jujuapi.TaskPending, enqueued: s.now}
	s.juju.tasks = append(s.juju.tasks, t)
	s.At(time.Second, u.agent.work)
}

// RemoveOthers removes, of the units that share a machine, all but the one whose machine it is: what juju status asks a person for.
// Where it is nobody's the first one stays.
func (s *Sim) RemoveOthers() {
	for _, m := range s.Machines() {
		stays := 0
		if u := s.Owner(m); u != nil {
			stays = max(0, slices.Index(m.units, u))
		}
		for i, u := range m.Units() {
			if i != stays {
				s.RemoveUnit(u)
			}
		}
	}
}

// RightClocks ends what is wrong with the clocks, but for the little that they are always apart.
func (s *Sim) RightClocks() {
	for _, m := range s.juju.machines {
		m.Clock(s.off())
	}
	s.DaemonClock(s.off())
}
