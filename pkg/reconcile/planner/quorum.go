package planner

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// lostData: a cluster that was born and of which no unit has data any more. Only a restore can
// bring it back.
func lostData(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || in.Etcd.Listed {
		return Step{}, false
	}
	known := slices.ContainsFunc(in.Units, in.dataLost)
	for _, u := range in.alive() {
		if u.Facts == nil || hasData(u) {
			return Step{}, false
		}
	}
	if !known && len(in.alive()) > 0 {
		return wait("Cluster %s was born here, and no unit has its data: bring back the units that had it, or %s",
			in.Latch.ClusterID, in.beginAnew()).person(), true
	}
	return wait("The data of all members of cluster %s is lost: bring it back, or %s", in.Latch.ClusterID, in.beginAnew()).person(), true
}

// noQuorum: without a linearizable member list nothing that changes members or stops one is
// decided.
func noQuorum(in *Situation) (Step, bool) {
	if in.Latch.ClusterID == "" || in.Etcd.Listed {
		return Step{}, false
	}
	units := in.alive()
	if all := filter(units, func(u observation.Unit) bool { return u.Facts != nil }); len(all) == len(units) {
		if with := len(filter(all, hasData)); with < etcdops.Quorum(len(units)) && slices.ContainsFunc(all, in.dataLost) {
			return wait("Only %d of %d units have the cluster's data: the others cannot be replaced without a quorum.",
				with, len(units)).person(), true
		}
	}
	if old := in.scattered(); len(old) > 0 {
		return wait("There is no quorum: the members answer at other addresses than they had, and do not find each other there. Give one "+
			"machine, better more, its old address back (those were %s): the others then find it, and the rest heals by itself.",
			strings.Join(old, ", ")).person(), true
	}
	switch {
	case !in.CA.ClientCertificate:
		return wait("There is no client certificate to look at etcd with."), true
	case in.Etcd.Err != "":
		return wait("There is no quorum: %s. Nothing is stopped, added or removed.", in.Etcd.Err), true
	}
	return wait("There is no quorum. Nothing is stopped, added or removed."), true
}

// scattered are the addresses that members had, if each that there is answers at another one now:
// all machines have changed their addresses at once. One that has not would be found by the others,
// and hold them together.
func (in *addresses) scattered() []string {
	had := map[string]bool{}
	for _, u := range in.alive() {
		if u.Facts != nil && u.Facts.Applied != nil {
			for _, url := range u.Facts.Applied.Clients {
				had[hostOf(url)] = true
			}
		}
	}
	members := filter(in.alive(), hasData)
	for _, u := range members {
		if h := in.Etcd.Health[in.clientURL(u)]; !h.Answered || h.MemberID.String() != u.Facts.Member.MemberID || had[u.Facts.Addresses.Client] {
			return nil
		}
	}
	if len(members) < 2 || len(had) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(had))
}

func hostOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// stable says that every voter has been healthy under one leader for long enough, and that nobody
// came or went meanwhile; the step says when that will be so if nothing happens.
func (in *roster) stable() (Step, bool) {
	need := in.Policy.Growth.Stable.Duration
	if in.History.StableSince.IsZero() {
		return wait("Not every voter is healthy under one leader."), false
	}
	since := in.History.StableSince
	if in.History.LastChange.After(since) {
		since = in.History.LastChange
	}
	if at := since.Add(need); in.Now.Before(at) {
		return wait("The cluster has to be stable for %s.", need).until(at), false
	}
	return Step{}, true
}
