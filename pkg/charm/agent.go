package charm

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/pause"
)

// Options are what an Agent is made of.
type Options struct {
	Env      dispatch.Env
	Tools    *hooktool.Tools
	Machine  Machine
	Worker   actions.Worker
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
	run      *dispatch.Run
	machine  Machine
	worker   actions.Worker
	hostname string
	out      io.Writer
	wait     func(ctx context.Context, d time.Duration) error
	connect  func(machine.Credentials) (Cluster, error)
}

// New returns an agent for one dispatch.
func New(o Options) *Agent {
	a := &Agent{
		run:     &dispatch.Run{Env: o.Env, Tools: o.Tools, Log: o.Log, Now: o.Now},
		machine: o.Machine, worker: o.Worker, hostname: o.Hostname, out: o.Out, wait: o.Wait, connect: o.Connect,
	}
	if a.out == nil {
		a.out = os.Stdout
	}
	if a.run.Now == nil {
		a.run.Now = time.Now
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
	switch env := a.run.Env; {
	case env.Kind == dispatch.KindHook && env.Name == "stop":
		return a.stop(ctx)
	case env.Kind == dispatch.KindHook:
		return a.hook(ctx)
	case env.Name == v1alpha1.ActionReconcile:
		return a.reconcile(ctx)
	}
	return actions.Do(ctx, a.run, a.machine, a.worker)
}

// desk is where the unit asks for certificates.
func (a *Agent) desk() *certificates.Desk {
	return &certificates.Desk{Run: a.run, Machine: a.machine, Hostname: a.hostname}
}
