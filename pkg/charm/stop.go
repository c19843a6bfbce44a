package charm

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// Times of the hook stop. The controller informs clients first and gives them up to 30 s; after the
// patience the unit acts alone.
const (
	stopPatience = 75 * time.Second
	stopInterval = 2 * time.Second
	stopLockTTL  = 15 * time.Second
)

// Cluster is what a leaving unit needs of its cluster; *etcdops.Pool is one.
type Cluster interface {
	Look(ctx context.Context, endpoints []string) etcdops.View
	etcdops.Locker
	Remove(ctx context.Context, v etcdops.View, id etcdops.MemberID) error
	Close()
}

// stop leaves the cluster, and then the machine: see machine.Leave. Nothing is to be done in the
// cluster for a unit that has no member, for the last member, and where all units of the
// application go: there is nothing left to guard. Otherwise the controller removes the member,
// which the unit waits for; without a controller it removes itself, under the lock key and behind
// the same guard. If the guard says no, the hook fails with its reason, and Juju shows it and tries
// again: etcd runs until then. TLS material stays.
func (a *Agent) stop(ctx context.Context) error {
	if err := a.leaveCluster(ctx); err != nil {
		return err
	}
	return a.machine.Leave(ctx)
}

// leaveCluster returns when the cluster does without this unit.
func (a *Agent) leaveCluster(ctx context.Context) error {
	last, err := a.machine.Last()
	if err != nil {
		return err
	}
	if last == nil || a.everyoneLeaves(ctx) {
		return nil
	}
	facts, err := a.machine.Facts(ctx)
	// What never started has no vote to take along, and knows no cluster to ask; the controller
	// clears what may be left of it from the list.
	if err == nil && !facts.Member.Started && !facts.Member.Present {
		a.run.Log.Info("Went without a look at the cluster, because no member was ever started here")
		return nil
	}
	cluster := ""
	if facts.Member.Present {
		cluster = facts.Member.ClusterID
	}
	return a.leave(ctx, last, cluster)
}

// everyoneLeaves says that Juju wants no unit of the application to stay.
func (a *Agent) everyoneLeaves(ctx context.Context) bool {
	states, err := a.run.Tools.GoalStates(ctx)
	if err != nil {
		a.run.Log.Error(err, "Took other units for staying")
		return false
	}
	for unit, state := range states {
		if unit != a.run.Env.Unit && state != "dying" && state != "dead" {
			return false
		}
	}
	return true
}

// leave takes the unit's member out of a cluster, of which the ID may not be known. Another cluster
// that answers, at an address that was one of this one's, says nothing of it.
func (a *Agent) leave(ctx context.Context, last *v1alpha1.EtcdUnitSpec, id string) error {
	credentials, err := a.machine.ClientCredentials()
	if err != nil {
		return err
	}
	cluster, err := a.connect(credentials)
	if err != nil {
		return err
	}
	defer cluster.Close()
	cluster = oneCluster{Cluster: cluster, id: id}
	endpoints := whereToLook(last)

	view, gone, err := a.awaitRemoval(ctx, cluster, endpoints, last)
	if err != nil || gone {
		return err
	}
	if !view.Listed {
		return fmt.Errorf("cannot leave the cluster: there is no current member list (%s)", view.Err)
	}
	return a.removeSelf(ctx, cluster, endpoints, last)
}

// oneCluster hears nobody but one cluster, if its ID is known.
type oneCluster struct {
	Cluster
	id string
}

func (c oneCluster) Look(ctx context.Context, endpoints []string) etcdops.View {
	v := c.Cluster.Look(ctx, endpoints)
	if v.Listed && c.id != "" && v.ClusterID.String() != c.id {
		return etcdops.View{At: v.At, Err: fmt.Sprintf("cluster %s answers instead of %s", v.ClusterID, c.id)}
	}
	return v
}

// whereToLook are the client URLs of the cluster as far as the unit knows them: what it publishes
// to clients and monitors, its own, and, for a unit that has published neither yet, those of the
// members that it was started with. Its own alone would not do: once its member is removed, nobody
// answers there. A member's host serves clients on the same port everywhere.
func whereToLook(last *v1alpha1.EtcdUnitSpec) []string {
	endpoints := slices.Concat(last.Clients.Endpoints, last.Clients.Members, last.Etcd.AdvertiseClientURLs)
	if initial := last.Etcd.Initial; initial != nil && len(last.Etcd.AdvertiseClientURLs) > 0 {
		if own, err := url.Parse(last.Etcd.AdvertiseClientURLs[0]); err == nil {
			for _, m := range initial.Members {
				if peer, err := url.Parse(m.PeerURL); err == nil {
					endpoints = append(endpoints, own.Scheme+"://"+net.JoinHostPort(peer.Hostname(), own.Port()))
				}
			}
		}
	}
	slices.Sort(endpoints)
	return slices.Compact(endpoints)
}

// awaitRemoval looks until the unit's member is gone, or is the last one, or patience is over.
func (a *Agent) awaitRemoval(ctx context.Context, cluster Cluster, endpoints []string, last *v1alpha1.EtcdUnitSpec) (etcdops.View, bool, error) {
	for deadline := a.run.Now().Add(stopPatience); ; {
		view := cluster.Look(ctx, endpoints)
		if hasLeft(view, last) {
			return view, true, nil
		}
		words := etcdops.UnitWords(view, etcdops.Ref{Name: last.Etcd.Name}, etcdops.PhaseLeaving)
		if err := a.show(ctx, text(words)); err != nil {
			return view, false, err
		}
		if !a.run.Now().Before(deadline) {
			return view, false, nil
		}
		if err := a.wait(ctx, stopInterval); err != nil {
			return view, false, fmt.Errorf("cannot wait for the unit's removal from the cluster: %w", err)
		}
	}
}

// hasLeft says that there is nothing to leave: the list does not have the unit's member, or no
// other.
func hasLeft(view etcdops.View, last *v1alpha1.EtcdUnitSpec) bool {
	if !view.Listed {
		return false
	}
	_, found := own(view, last)
	return !found || len(view.Members) == 1
}

func (a *Agent) removeSelf(ctx context.Context, cluster Cluster, endpoints []string, last *v1alpha1.EtcdUnitSpec) error {
	hold := etcdops.Hold{Endpoints: endpoints, Holder: "unit " + a.run.Env.Unit, Purpose: "leave the cluster", TTL: stopLockTTL, Now: a.run.Now,
		Left: func(err error) { a.run.Log.Error(err, "Left the cluster's lock to its lease") }}
	err := etcdops.Under(ctx, cluster, hold, func(ctx context.Context) error {
		// Another unit may have left while this one waited for the lock: only what is seen under it
		// counts.
		view := cluster.Look(ctx, endpoints)
		if hasLeft(view, last) {
			return nil
		}
		member, found := own(view, last)
		if !found {
			return fmt.Errorf("there is no current member list (%s)", view.Err)
		}
		if err := etcdops.CanRemove(view, member.ID); err != nil {
			return err
		}
		if err := etcdops.Fenced(ctx); err != nil {
			return err
		}
		if err := cluster.Remove(ctx, view, member.ID); err != nil {
			return err
		}
		a.run.Log.Info("Removed the unit's own member, because no controller did", "member", member.ID.String())
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot leave the cluster: %w", err)
	}
	return nil
}

// own is the unit's member: by its name, or by its peer URL while it has not started.
func own(view etcdops.View, spec *v1alpha1.EtcdUnitSpec) (etcdops.Member, bool) {
	if m, found := view.MemberByName(spec.Etcd.Name); found {
		return m, true
	}
	for _, url := range spec.Etcd.AdvertisePeerURLs {
		if m, found := view.MemberByPeerURL(url); found {
			return m, true
		}
	}
	return etcdops.Member{}, false
}
