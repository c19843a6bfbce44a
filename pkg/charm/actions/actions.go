package actions

import (
	"context"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
)

// Machine is what is needed of the unit's machine; a *machine.Machine is one, whose methods say
// more.
type Machine interface {
	Facts(ctx context.Context) (v1alpha1.UnitFacts, error)
	Health(ctx context.Context) (etcdops.EndpointHealth, etcdops.View, error)
	Last() (*v1alpha1.EtcdUnitSpec, error)
	ClientCredentials() (machine.Credentials, error)
	Disarm(ctx context.Context) ([]etcdops.Alarm, error)
	Compact(ctx context.Context, revision int64, physical bool) (at int64, err error)
	Diagnostics(ctx context.Context) []machine.Diagnostic
	HandOut(name string, data []byte) (path string, err error)
	TakeSnapshot(ctx context.Context, s machine.Snapshots) (taken snapshot.Archive, behind string, err error)
	TakeV2Snapshot(ctx context.Context, s machine.Snapshots) (snapshot.Archive, error)
	ListSnapshots(ctx context.Context, dir string, verify bool) ([]snapshot.Listed, error)
	OpenStore(p store.Provider) (*store.Store, error)
	FetchStored(ctx context.Context, s *store.Store, id, prefix string) (path string, done func(), err error)
	Restorer
	ResumeRestore(ctx context.Context) (done bool, restored machine.Restored, err error)
}

// action is one that runs.
type action struct {
	run     *dispatch.Run
	machine Machine
	worker  Worker
}

// Do runs the action that the dispatch is of; what must not end with Juju's agent is given to the worker.
func Do(ctx context.Context, run *dispatch.Run, m Machine, worker Worker) error {
	a := action{run, m, worker}
	switch run.Env.Name {
	case v1alpha1.ActionHealth:
		return a.health(ctx)
	case v1alpha1.ActionAlarmList:
		return a.alarmList(ctx)
	case v1alpha1.ActionAlarmDisarm:
		return a.alarmDisarm(ctx)
	case v1alpha1.ActionCompact:
		return a.compact(ctx)
	case v1alpha1.ActionDebug:
		return a.debug(ctx)
	case v1alpha1.ActionClientCredentials:
		return a.packageClientCredentials(ctx)
	case v1alpha1.ActionSnapshot:
		return a.takeSnapshot(ctx)
	case v1alpha1.ActionListSnapshots:
		return a.listSnapshots(ctx)
	case v1alpha1.ActionRestore:
		return a.restore(ctx)
	}
	if k, known := kinds[run.Env.Name]; known {
		return a.record(ctx, k)
	}
	return fmt.Errorf("cannot run action %q: this charm has no such action", run.Env.Name)
}
