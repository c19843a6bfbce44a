package planner

import (
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A provider may offer a further authority beside the one in use, and leaves of it at once. etcd
// reads whom it trusts only when it starts: a member that has not been restarted since refuses who
// shows such a leaf, peers among them. Kept connections hide that until one is restarted, and then
// stays outside. So units go on with the leaves that they have until every member's process has
// read the bundle with both, and who has no other joins afterwards.

// leaves are the authorities whose leaves the unit uses while the bundle that it is handed, or has,
// names others that not every member trusts yet; nil where all of them may be used.
func (in *trust) leaves(u observation.Unit) []string {
	bundle := in.handed
	if len(bundle) == 0 {
		bundle = u.Facts.Certificates.CA
	}
	if common := in.common(bundle); len(common) < len(bundle) {
		return common
	}
	return nil
}

// leavesFor is leaves, and goes on with those that are shown until clients have taken in whom else to
// trust: a process that crashes reads the bundle sooner than the restart comes that waits for them.
func (in *audience) leavesFor(u observation.Unit) []string {
	if of := in.leaves(u); of != nil {
		return of
	}
	if _, due := in.awaitClients(in.furtherNews(), "whom to trust"); due {
		return in.leavesHeld()
	}
	return nil
}

// leavesHeld are the authorities whose leaves members have been told to go on with, beside the others
// of the bundle that they are handed; nil where they have not, or a procedure says which.
func (in *trust) leavesHeld() []string {
	if _, _, rotates := RotatedBundle(in.Latch); rotates || in.Latch.ClusterID == "" {
		return nil
	}
	for _, u := range in.Units {
		if !hasData(u) || u.Facts.Applied == nil {
			continue
		}
		held := u.Facts.Applied.Leaves
		if len(held) > 0 && len(held) < len(in.handed) && !slices.ContainsFunc(held, func(f string) bool { return !slices.Contains(in.handed, f) }) {
			return held
		}
	}
	return nil
}

// common are those of the authorities that every member trusts; all of them where none is, or where
// that is not known.
func (in *trust) common(authorities []string) []string {
	trusted, known := in.trusted()
	if !known || !overlap(authorities, trusted) {
		return authorities
	}
	return slices.DeleteFunc(slices.Clone(authorities), func(f string) bool { return !slices.Contains(trusted, f) })
}

// awaitsRestarts says that the members are to trust, or will when they are restarted, an authority
// that not every one of them trusts yet.
func (in *trust) awaitsRestarts() bool {
	if in.Latch.ClusterID == "" {
		return false
	}
	coming := in.handed
	if len(coming) == 0 {
		coming, _ = in.trustedOnDisk()
	}
	return len(in.common(coming)) < len(coming)
}

// tooEarly says that a unit without a member has no certificate that every member trusts already,
// and that restarts will end that. They must not wait for it, as they do for others that join.
func (in *trust) tooEarly(u observation.Unit) bool {
	if hasData(u) || !in.awaitsRestarts() {
		return false
	}
	trusted, _ := in.trusted()
	return !overlap(u.Facts.Certificates.Of, trusted)
}

// furtherComes says that restarts are awaited, and by no procedure.
func (in *trust) furtherComes() bool {
	_, _, rotates := RotatedBundle(in.Latch)
	return !rotates && in.awaitsRestarts()
}

// further reports what restarts are waited for.
func (in *trust) further() etcdops.Notice {
	if !in.furtherComes() {
		return etcdops.Notice{}
	}
	return etcdops.Notice{Text: etcdops.FurtherAuthorityText(in.CA.Application)}
}

// furtherNews is the key under which it is remembered when clients were given the bundle with the
// further authority. They are to have read it before members show leaves of that, which they do as
// soon as the last has been restarted.
func (in *trust) furtherNews() string {
	return "ca+" + strings.Join(in.handed, "+")
}

// somebodyJoins says that a third member is to be expected.
func (in *journal) somebodyJoins() bool {
	return !in.holdsJoiners() && slices.ContainsFunc(in.joiners(), func(u observation.Unit) bool { return !in.tooEarly(u) })
}

// roomToRestart is what a person can do where a restart of one of two members stops the cluster, and
// nobody is to be expected as the third.
func (in *journal) roomToRestart() string {
	const accept = "accept that and run sudo snap restart etcd on both machines"
	switch {
	case in.holdsJoiners():
		return accept
	case in.awaitsRestarts():
		return accept + ", or add a unit, which joins now if its certificate is of the former authority"
	}
	return "add a unit"
}
