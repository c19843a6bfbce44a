package simulation

import (
	"fmt"
	"slices"
	"strconv"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
)

// AskToRestore lets a person run the action restore on the unit, which makes the data of another
// cluster ready there, and asks the daemon to go on. It says whether the charm takes it.
func (s *Sim) AskToRestore(u *Unit) bool {
	a := u.agent
	if a.record.Hash == "" || a.taken() != nil || a.dark || u.app.Procedure() != "" || !s.Ask(u, v1alpha1.ActionRestore) {
		return false
	}
	task := a.request.Task
	token := fmt.Sprintf("%s-restored-%d", u.app.latch.Token(), task)
	id := etcdops.ClusterID(hash64(token, a.peerURL())).String()
	a.record.Restore = &record.Restore{
		Task: task, Asked: true, Latched: u.app.latch.ClusterID, PeerURL: a.peerURL(), Before: a.record.Member,
		Member: record.Member{Started: true, Token: token, ClusterID: id, MemberID: etcdops.SeedID(token, a.peerURL()).String(), DataDir: v1alpha1.DataDir},
	}
	u.app.restores = append(u.app.restores, id)
	return true
}

// ClusterID is the latched one; empty where there is none.
func (a *App) ClusterID() string { return a.latch.ClusterID }

// restoreFacts tell of what is ready on the unit.
func (a *Agent) restoreFacts() *v1alpha1.RestoreFacts {
	r := a.record.Restore
	if r == nil {
		return nil
	}
	return &v1alpha1.RestoreFacts{ID: strconv.FormatInt(r.Task, 10), ClusterID: r.Member.ClusterID, Token: r.Member.Token,
		Name: etcdops.MemberName(a.unit.Name), PeerURL: r.PeerURL, Done: r.Done}
}

// dropStaged is what a hook does with a restore that was seen to, and is not under way any more.
func (a *Agent) dropStaged() {
	r := a.record.Restore
	if r == nil || a.unit.app.latch.Handled[a.unit.Name] < r.Task {
		return
	}
	entries, err := a.unit.app.latch.Entries()
	if err == nil && !slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool { return e.ID == strconv.FormatInt(r.Task, 10) }) {
		a.record.Restore = nil
	}
}

// exchange puts what is ready in its place, or what was there before: machine.Admit has seen that the
// journal's phase permits it.
func (a *Agent) exchange(spec *v1alpha1.EtcdUnitSpec) {
	want, r := spec.Etcd.Restore, a.record.Restore
	if want == nil || r == nil {
		return
	}
	s := a.sim
	restored := a.process.data != nil && a.process.data.cluster == r.Member.ClusterID
	switch {
	case want.Back:
		if restored {
			a.stop()
			a.process.data, a.replaced = a.replaced, nil
		}
		a.record.Member, a.record.Restore = r.Before, nil
		a.remember()
	case !restored:
		s.judgeRestore(a, spec)
		a.stop()
		a.replaced = a.process.data
		id, err := etcdops.ParseMemberID(r.Member.MemberID)
		if err != nil {
			s.violate("a restored member has the ID %q", r.Member.MemberID)
		}
		name := etcdops.MemberName(a.unit.Name)
		if s.clusterOf(r.Member.ClusterID) == nil {
			s.clusters = append(s.clusters, &cluster{sim: s, app: a.unit.app, id: r.Member.ClusterID, index: 1 << 20,
				members: []*Member{{id: id, name: name, peer: r.PeerURL, ran: true}}})
		}
		a.process.data = &data{cluster: r.Member.ClusterID, member: id, by: a.unit, name: name}
		a.record.Member = r.Member
	}
}

// proveRestored is what the agent looks for in the end: the member answers.
func (a *Agent) proveRestored(spec *v1alpha1.EtcdUnitSpec) string {
	want, r := spec.Etcd.Restore, a.record.Restore
	if want == nil || want.Back || r == nil || r.Done {
		return ""
	}
	if c, m := a.membership(); m == nil || !a.process.up || c.id != r.Member.ClusterID {
		return "the restored member does not answer"
	}
	r.Done = true
	return ""
}

// judgeRestore is asked when a unit's data is exchanged: nobody serves with what it is to replace.
func (s *Sim) judgeRestore(a *Agent, spec *v1alpha1.EtcdUnitSpec) {
	under := spec.Delivery.Under
	entries, err := a.unit.app.latch.Entries()
	if err != nil || under == nil || !slices.ContainsFunc(entries, func(e v1alpha1.JournalEntry) bool { return *e.At() == *under }) {
		s.violate("M7: %s is restored under %+v, and the journal is %q (%v)", a.unit.Name, under, a.unit.app.latch.Journal, err)
	}
	if c := s.clusterOf(a.unit.app.latch.ClusterID); c != nil {
		if all, up := c.voters(); up >= etcdops.Quorum(all) {
			s.violate("M8: %s is restored beside a quorum of cluster %s", a.unit.Name, c.id)
		}
	}
}

// judgeReplaced is asked when a restored cluster is latched in the place of another one: what is left
// of that can never be a quorum again.
func (s *Sim) judgeReplaced(c *cluster) {
	all, up := c.voters()
	if up >= etcdops.Quorum(all) {
		s.violate("M8: another cluster is latched in the place of %s, which has a quorum", c.id)
	}
	c.over = true
}
