package actions

import (
	"context"
	"errors"
	"fmt"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/snapshot"
)

// givesUpV2 says why a v3 archive may not take the place of a cluster with v2 keys: unasked, they would be gone with it. Beside other units
// it is what is said of any cluster.
func (a action) givesUpV2(ctx context.Context, here place, request restoreRequest) error {
	switch id := here.latch.ClusterID; {
	case !here.latch.V2():
		return nil
	case request.replace != id:
		return fmt.Errorf("the cluster %[1]s has keys of the v2 API, and an archive of v3 keys takes its place without them: restore the v3 archive first, "+
			"on a new application, and then the v2 one, which adds its keys; to give the v2 keys up, and to end the v2 API, run it with replace=%[1]s", id)
	case len(here.others) > 0:
		return a.mayReplace(ctx, here, request)
	}
	return nil
}

// performV2 adds the keys of a v2 archive to what the cluster has, in the worker.
func performV2(ctx context.Context, m Restorer, o RestoreOrder, archive snapshot.Archive, progress func(string)) RestoreOutcome {
	if o.Target != "" {
		return RestoreOutcome{Refused: "the keys of a v2 archive are added to the data that is here: no backup is packed (skip-backup=false), " +
			"and the action snapshot takes one before"}
	}
	added, err := m.RestoreV2(ctx, machine.RestoreV2{Task: o.Task, Archive: archive, Others: o.Stage, Progress: progress})
	if err != nil {
		return RestoreOutcome{Refused: err.Error()}
	}
	return RestoreOutcome{Archive: archive, Added: &added}
}

// reportV2 has the cluster's members serve the v2 API, and tells what was added.
func (a action) reportV2(ctx context.Context, here place, request restoreRequest, outcome RestoreOutcome) error {
	archive, added := outcome.Archive, outcome.Added
	if err := a.latchV2(ctx, here); err != nil {
		return err
	}
	if err := a.publishMember(ctx); err != nil {
		return err
	}
	for _, r := range [][2]string{
		{v1alpha1.ResultRestoredCluster, added.ClusterID},
		{v1alpha1.ResultRestoredFrom, origin(request.name, archive)},
		{v1alpha1.ResultOutput, fmt.Sprintf("%d v2 keys and %d directories are added to what cluster %s has; those whose names begin with _ are hidden, "+
			"and are not among them. Its members serve the v2 API from now on, which ends with etcd 3.5: as long as the cluster has these keys, it cannot "+
			"have a channel of 3.6 or later.", added.Keys, added.Directories, added.ClusterID)},
	} {
		if err := a.run.Tools.SetActionResult(ctx, r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// latchV2 has the cluster's latch say that its members serve the v2 API. The unit is the Juju leader: it is the only one, or the latch says
// so already.
func (a action) latchV2(ctx context.Context, here place) error {
	if here.latch.V2() {
		return nil
	}
	if len(here.others) > 0 {
		return errors.New("cannot latch the v2 API: there are other units")
	}
	return stampV2(ctx, a.run, here.published.Relation, here.latch, a.run.Env.Action)
}

func stampV2(ctx context.Context, run *dispatch.Run, peers string, latch v1alpha1.Latch, task int64) error {
	request := v1alpha1.LatchRequest{Stamps: map[string]int64{v1alpha1.StampV2(latch.ClusterID): task}}
	next, err := latch.Apply(request, v1alpha1.Epoch{})
	if err != nil {
		return err
	}
	writes, err := request.Writes(latch, next)
	if err != nil {
		return err
	}
	return run.Tools.SetApplicationRelation(ctx, peers, writes)
}

// FollowV2 has the latch tell of v2 keys whose action has not come to its end, as FollowRestore does of
// a restored cluster: done says that nothing is left to be told.
func FollowV2(ctx context.Context, run *dispatch.Run, keys record.V2) (done bool, err error) {
	peers, latch, err := latchOf(ctx, run)
	if err != nil || peers == "" {
		return false, err
	}
	if latch.V2() || latch.ClusterID != keys.Cluster {
		return true, nil
	}
	leader, err := run.Tools.IsLeader(ctx)
	if err != nil || !leader {
		return false, err
	}
	return false, stampV2(ctx, run, peers, latch, keys.Task)
}
