package planner

import (
	"fmt"
	"slices"
	"strconv"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A restore where there are several units, or no quorum: an action has made the data of a new cluster
// ready on one unit, whose only member that is.
//
//  1. stop: all members are halted, so that no write is acknowledged which would be lost, and the
//     old members find no quorum again;
//  2. restore: the unit puts the data in its place, and its member answers as the new cluster, which
//     is then latched in place of the old one, in the same write that leaves the phase;
//  3. join: what the other units have is the old cluster's. It is set aside, and they join, as new
//     units do.
//
// Until the new cluster is latched there is a way back: what was there is put in its place, and all
// members run again.

// Notes of a restore: the unit, what it replaces, how many members that has, and how many of those
// have no unit that could be told to stop.
const (
	noteUnit     = "unit"
	noteFrom     = "from"
	noteMembers  = "members"
	noteUnitless = "unitless"
)

// restoreProcedure is its name in the journal.
const restoreProcedure = "restore"

// Phases of a restore.
const (
	phaseStop    = "stop"
	phaseRestore = "restore"
	phaseJoin    = "join"
)

func restoreSnapshot() procedure {
	return procedure{
		name: restoreProcedure, action: v1alpha1.ActionRestore, begin: beginRestore, protocol: v1alpha1.ProtocolRestore, urgent: true,
		subjects: restoredUnit,
		phases: []phase{
			{name: phaseStop, sole: true, words: "all members are stopped", spec: haltMember, gate: haltedAll},
			{name: phaseRestore, sole: true, words: "the restored member answers", spec: putRestored, gate: answersRestored, reborn: rebornAs},
			{name: phaseJoin, words: "all units have joined the restored cluster", gate: joinedRestored},
		},
		back: []phase{
			{name: phaseRestore, sole: true, words: "the data that was there is in its place again", spec: takeBackRestored, gate: haltedAll},
			{name: phaseStop, words: "the members run again", gate: proofless},
		},
		mayBack: func(_ *journal, e v1alpha1.JournalEntry) string {
			if e.Phase == phaseJoin {
				return "the restored cluster has taken the place of the other one"
			}
			return ""
		},
	}
}

// beginRestore: the unit says that the data is ready, and it is for the cluster that is there.
func beginRestore(in *journal, r v1alpha1.Request) (map[string]string, string) {
	id := strconv.FormatInt(r.Task, 10)
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool {
		return u.Facts != nil && u.Facts.Restore != nil && u.Facts.Restore.ID == id && !u.Dying
	})
	if i < 0 {
		return nil, "no unit has the data ready any more"
	}
	if in.Units[i].Facts.Restore.ClusterID == in.Latch.ClusterID {
		return nil, "what is ready is of the cluster that is there"
	}
	with, unitless := len(filter(in.Units, hasData)), 0
	for _, m := range in.Etcd.Voters() {
		if _, ok := in.unitOf(m); !ok {
			unitless++
		}
	}
	return map[string]string{
		noteUnit: in.Units[i].Name, noteFrom: in.Latch.ClusterID, noteMembers: strconv.Itoa(max(len(in.Etcd.Voters()), with+unitless)),
		noteUnitless: strconv.Itoa(unitless),
	}, ""
}

// proofless: the members may have had no quorum before.
func proofless(*journal, v1alpha1.JournalEntry) string { return "" }

// restoredUnit is the one unit without which nothing is restored. Once the others join, it is one of
// them.
func restoredUnit(e v1alpha1.JournalEntry) []string {
	if e.Phase == phaseJoin {
		return nil
	}
	return []string{e.Notes[noteUnit]}
}

func haltMember(_ *journal, _ v1alpha1.JournalEntry, _ observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	s.Service.State, s.Etcd.Initial = v1alpha1.ServiceHalted, nil
}

func putRestored(in *journal, e v1alpha1.JournalEntry, u observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	haltMember(in, e, u, s)
	if u.Name == e.Notes[noteUnit] {
		s.Service.State, s.Etcd.Restore = v1alpha1.ServiceRunning, &v1alpha1.RestoreSpec{ID: e.ID}
	}
}

func takeBackRestored(in *journal, e v1alpha1.JournalEntry, u observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	haltMember(in, e, u, s)
	if u.Name == e.Notes[noteUnit] {
		s.Etcd.Restore = &v1alpha1.RestoreSpec{ID: e.ID, Back: true}
	}
}

// haltedAll is asked when every unit that can be reached has reported it: those that cannot are too
// few to be a quorum of the old cluster, which would go on beside the restored one.
func haltedAll(in *journal, e v1alpha1.JournalEntry) string {
	away, _ := strconv.Atoi(e.Notes[noteUnitless])
	for _, u := range in.Units {
		switch {
		case u.Dead || taken(u):
		case outOfReach(u), u.Facts == nil && u.Provisioned, u.Dying && hasData(u):
			away++
		}
	}
	members, _ := strconv.Atoi(e.Notes[noteMembers])
	if away > 0 && away >= etcdops.Quorum(members) {
		return fmt.Sprintf("%d of %d members cannot be told to stop, and may still be a quorum: see that their machines are off and remove "+
			"their units by force, or bring them back", away, members)
	}
	return ""
}

// answersRestored: the unit has looked at its own member, which is one of the new cluster.
func answersRestored(in *journal, e v1alpha1.JournalEntry) string {
	unit, r := in.restoring(e)
	switch {
	case r == nil:
		return e.Notes[noteUnit] + " tells nothing of what it has ready"
	case !r.Done || !hasData(unit) || unit.Facts.Member.ClusterID != r.ClusterID:
		if last := unit.Last; last != nil && last.Outcome != v1alpha1.OutcomeApplied && last.Message != "" {
			return unit.Name + ": " + last.Message
		}
		return unit.Name + " has not reported it yet"
	}
	return ""
}

// restoring is the unit whose data is restored, and what it tells of it.
func (in *journal) restoring(e v1alpha1.JournalEntry) (observation.Unit, *v1alpha1.RestoreFacts) {
	for _, u := range in.Units {
		if u.Name == e.Notes[noteUnit] && u.Facts != nil && u.Facts.Restore != nil && u.Facts.Restore.ID == e.ID {
			return u, u.Facts.Restore
		}
	}
	return observation.Unit{}, nil
}

// rebornAs is the identity that is latched when the restored member has answered.
func rebornAs(in *journal, e v1alpha1.JournalEntry) *v1alpha1.Rebirth {
	unit, r := in.restoring(e)
	if r == nil {
		return nil
	}
	return &v1alpha1.Rebirth{FromSeeds: in.Latch.Seeds, From: e.Notes[noteFrom], To: r.ClusterID, Seeds: &v1alpha1.Seeds{
		Token: r.Token, Members: []v1alpha1.Seed{{Unit: unit.Name, Name: r.Name, PeerURL: r.PeerURL}},
	}}
}

// joinedRestored: every unit is a member of the restored cluster. One that cannot be reached is waited
// for: what it comes back with is the old cluster's, and has to be set aside.
func joinedRestored(in *journal, _ v1alpha1.JournalEntry) string {
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		switch {
		case outOfReach(u):
			return u.Name + " cannot be reached, and would come back with the data of the former cluster: bring it back, or remove it"
		case taken(u), u.Facts == nil:
		case in.former(u):
			return u.Name + " has the data of the former cluster still"
		case !member || m.Learner || !in.serving(m):
			return u.Name + " is no member that votes and serves yet"
		}
	}
	if !in.Etcd.Listed {
		return "there is no quorum"
	}
	return ""
}

// replaced are the clusters in whose place a restored one is latched while units join that.
func (in *roster) replaced() []string {
	entries, err := in.Latch.Entries()
	if err != nil {
		return nil
	}
	var ids []string
	for _, e := range entries {
		if e.Procedure == restoreProcedure && e.Phase == phaseJoin && e.Notes[noteFrom] != in.Latch.ClusterID {
			ids = append(ids, e.Notes[noteFrom])
		}
	}
	return ids
}

// former says that the unit has the data of a cluster in whose place another one is latched: it is no
// member's any more.
func (in *roster) former(u observation.Unit) bool {
	return hasData(u) && u.Facts.Member.ClusterID != "" && in.Latch.ClusterID != "" && u.Facts.Member.ClusterID != in.Latch.ClusterID &&
		slices.Contains(in.replaced(), u.Facts.Member.ClusterID)
}
