package observe

import (
	"context"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
	"jujuetcd.io/pkg/reconcile/through"
	"jujuetcd.io/pkg/reconcile/world"
)

// look fills in what etcd shows: directly, or, where the network is closed to us, through a unit.
func (o *Observer) look(ctx context.Context, endpoints []string, waiting bool, obs *observation.Observation) {
	direct := o.Direct()
	switch shut := o.stillShut(endpoints); {
	case len(endpoints) == 0 || direct == nil:
		obs.Etcd = etcdops.View{At: obs.Now, Err: "no unit has published an address yet"}
	case len(shut.Health) > 0:
		obs.Etcd = shut
	default:
		obs.Etcd = direct.Look(ctx, endpoints)
		if ctx.Err() == nil {
			o.Heard(obs.Etcd)
		}
	}
	o.mu.Lock()
	o.seen = obs.Etcd
	o.mu.Unlock()
	obs.Closed = closedToUs(obs.Units, obs.Etcd)
	_, _, rotates := planner.RotatedBundle(obs.Latch)
	switch {
	case obs.Closed:
		o.lookThrough(ctx, endpoints, waiting, obs)
	case rotates && !obs.CA.ClientCertificate && !obs.Etcd.Listed && o.through != nil:
		// Who has taken over while an authority is replaced may have nothing yet that members let in; the units have.
		o.lookThrough(ctx, endpoints, waiting, obs)
	case !obs.CA.ClientCertificate && obs.Latch.ClusterID != "" && !obs.Etcd.Listed:
		// Every member turns away who has nothing to show: that is no look, and nobody's illness.
		obs.Etcd = etcdops.View{At: obs.Etcd.At, Err: "there is no client certificate to look at etcd with"}
	}
	o.mu.Lock()
	o.usesUnits = obs.Through != ""
	o.mu.Unlock()
}

// lookThrough replaces the empty view by what a unit has seen. A daemon that only stands by leaves the actions to the other.
func (o *Observer) lookThrough(ctx context.Context, endpoints []string, waiting bool, obs *observation.Observation) {
	epoch := obs.Latch.Epoch
	foreign := epoch != nil && epoch.Holder != obs.Self && !obs.TakeOver
	if o.through == nil || foreign || !obs.LatchRead {
		obs.Blind = append(obs.Blind, "no client port of etcd can be reached from here, though its units have members")
		return
	}
	view, unit, err := o.through.See(ctx, through.Situation{
		ModelUUID: obs.ModelUUID, Units: obs.Units, Latch: obs.Latch, Endpoints: endpoints,
		LagLimit: obs.Policy.Growth.LagLimit, Waiting: waiting,
	})
	if unit != "" {
		obs.Etcd, obs.Through = view, unit
	}
	if err != nil {
		obs.Blind = append(obs.Blind, "etcd cannot be reached from here, and no unit tells how it is now: "+err.Error())
	}
}

// stillShut is the last direct look, if not one packet came back and it asked all these endpoints: the next one would only
// wait in vain again. Whoever looks beside the observations says when that has changed, with Heard.
func (o *Observer) stillShut(endpoints []string) etcdops.View {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.through == nil {
		return etcdops.View{}
	}
	for _, e := range endpoints {
		if _, asked := o.shut.Health[e]; !asked {
			return etcdops.View{}
		}
	}
	return o.shut
}

// Heard takes in a direct look. It is safe for concurrent use.
func (o *Observer) Heard(v etcdops.View) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.shut = etcdops.View{}
	if silent(v) {
		o.shut = v
	}
}

// Seen is what the last observation saw over the direct connection: what it was acted on, if that was not through a unit. It is safe
// for concurrent use, and not to be changed.
func (o *Observer) Seen() etcdops.View {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen
}

// Direct is the direct connection to the cluster as of the last observation; nil before the first. It is safe for concurrent
// use.
func (o *Observer) Direct() world.Etcd {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.etcd
}
