package charm

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/pause"
)

// Options are what an Agent is made of.
type Options struct {
	Env      Env
	Tools    *hooktool.Tools
	Machine  Machine
	Log      logr.Logger
	Hostname string
	// Out is what Juju takes for a result of the action; nil means standard output.
	Out io.Writer
	// Now is the unit's clock and Wait lets time pass; nil means the real ones.
	Now  func() time.Time
	Wait func(ctx context.Context, d time.Duration) error
	// Connect dials etcd; nil means an etcdops.Pool.
	Connect func(machine.Credentials) (Cluster, error)
}

// Agent runs one dispatch of one unit.
type Agent struct {
	env      Env
	tools    *hooktool.Tools
	machine  Machine
	log      logr.Logger
	hostname string
	out      io.Writer
	now      func() time.Time
	wait     func(ctx context.Context, d time.Duration) error
	connect  func(machine.Credentials) (Cluster, error)
}

// New returns an agent for one dispatch.
func New(o Options) *Agent {
	a := &Agent{
		env: o.Env, tools: o.Tools, machine: o.Machine, log: o.Log, hostname: o.Hostname, out: o.Out,
		now: o.Now, wait: o.Wait, connect: o.Connect,
	}
	if a.out == nil {
		a.out = os.Stdout
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.wait == nil {
		a.wait = pause.For
	}
	if a.connect == nil {
		a.connect = connect
	}
	return a
}

// Dispatch runs the hook or action. An error means that Juju should show it and, for a hook, try again.
func (a *Agent) Dispatch(ctx context.Context) error {
	switch {
	case a.env.Kind == KindHook && a.env.Name == "stop":
		return a.stop(ctx)
	case a.env.Kind == KindHook:
		return a.hook(ctx)
	case a.env.Name == v1alpha1.ActionReconcile:
		return a.reconcile(ctx)
	case a.env.Name == v1alpha1.ActionHealth:
		return a.health(ctx)
	case a.env.Name == v1alpha1.ActionBeginAnew:
		return a.beginAnew(ctx)
	case requested[a.env.Name] != "":
		return a.request(ctx)
	}
	return fmt.Errorf("cannot run action %q: this charm has no such action", a.env.Name)
}

// relations are an endpoint's relations without the one that the running hook takes down.
func (a *Agent) relations(ctx context.Context, endpoint string) ([]string, error) {
	ids, err := a.tools.RelationIDs(ctx, endpoint)
	broken := a.env.breaking()
	return slices.DeleteFunc(ids, func(id string) bool { return id == broken }), err
}

// peers is the peer relation's id; empty before Juju has made it and after it is gone.
func (a *Agent) peers(ctx context.Context) (string, error) {
	ids, err := a.relations(ctx, v1alpha1.EndpointCluster)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// network is what Juju's bindings give the unit.
type network struct {
	addresses v1alpha1.UnitAddresses
	// ingress are all addresses that peers and clients may use, for the certificate.
	ingress []string
}

// network asks for the addresses of the endpoints' bindings, and for where clients of another model reach the unit. The former are the
// same in every hook, whatever relation it is of: it is asked in the context of the peer relation.
func (a *Agent) network(ctx context.Context) (network, error) {
	var n network
	peers, err := a.peers(ctx)
	if err != nil {
		return n, err
	}
	cluster, err := a.tools.Network(ctx, v1alpha1.EndpointCluster, peers)
	if err != nil {
		return n, err
	}
	db, err := a.tools.Network(ctx, v1alpha1.EndpointDB, peers)
	if err != nil {
		return n, err
	}
	n.addresses = v1alpha1.UnitAddresses{
		Peer:       first(cluster.Ingress),
		PeerBind:   first(cluster.Bind),
		Client:     first(db.Ingress),
		ClientBind: first(db.Bind),
	}
	n.ingress = slices.Concat(cluster.Ingress, db.Ingress)
	ids, err := a.relations(ctx, v1alpha1.EndpointDB)
	if err != nil {
		return n, err
	}
	for _, id := range ids {
		from, err := a.tools.Network(ctx, v1alpha1.EndpointDB, id)
		if err != nil {
			return n, err
		}
		if address := first(from.Ingress); address != "" && address != n.addresses.Client {
			if n.addresses.Relations == nil {
				n.addresses.Relations = map[string]string{}
			}
			n.addresses.Relations[id] = address
			n.ingress = append(n.ingress, address)
		}
	}
	return n, nil
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
