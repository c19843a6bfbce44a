package actions

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// What keys-version may be.
const (
	keysV2 = "v2"
	keysV3 = "v3"
)

// snapshotTarget is the folder that a person names, or the one where snapshots have always been.
func (a action) snapshotTarget(ctx context.Context) (string, error) {
	target, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterTarget)
	return cmp.Or(strings.TrimSpace(target), machine.DefaultSnapshots), err
}

// takeSnapshot is the action snapshot: the database as the best member sends it, proved, packed, and
// for whom juju scp logs in as.
func (a action) takeSnapshot(ctx context.Context) error {
	target, err := a.snapshotTarget(ctx)
	if err != nil {
		return err
	}
	keys, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterKeysVersion)
	if err != nil {
		return err
	}
	switch cmp.Or(keys, keysV3) {
	case keysV3:
	case keysV2:
		return a.run.Tools.FailAction(ctx, a.noV2Snapshot(ctx))
	default:
		return a.run.Tools.FailAction(ctx, "keys-version must be either v2 or v3") // as it has always been said
	}
	taken, behind, err := a.machine.TakeSnapshot(ctx, machine.Snapshots{
		Dir:      target,
		Origin:   snapshot.Origin{Application: a.run.Env.Application(), Model: a.run.Env.Model, Unit: a.run.Env.Unit},
		Progress: func(what string) { a.progress(ctx, what) },
	})
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	results := [][2]string{
		{v1alpha1.ResultSnapshotPath, taken.Path},
		{v1alpha1.ResultSnapshotSize, snapshot.Size(taken.Size)},
		{v1alpha1.ResultSnapshotSHA256, taken.SHA256},
		{v1alpha1.ResultSnapshotVersion, etcdctlVersion(taken.Origin.EtcdVersion)},
		{v1alpha1.ResultCopy, fmt.Sprintf("juju scp %s:%s .", a.run.Env.Unit, taken.Path)},
		{v1alpha1.ResultSnapshotRevision, strconv.FormatInt(taken.Revision, 10)},
		{v1alpha1.ResultSnapshotKeys, strconv.FormatInt(taken.Keys, 10)},
		{v1alpha1.ResultSnapshotMember, taken.Origin.Member},
		{v1alpha1.ResultSnapshotCluster, taken.Origin.ClusterID},
	}
	if behind != "" {
		results = append(results, [2]string{v1alpha1.ResultMessage, behind})
	}
	for _, result := range results {
		if err := a.run.Tools.SetActionResult(ctx, result[0], result[1]); err != nil {
			return err
		}
	}
	return nil
}

// etcdctlVersion is the version of a server in the words of etcdctl version, which the charm before
// this one has printed here.
func etcdctlVersion(version string) string {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return fmt.Sprintf("etcdctl version: %s\nAPI version: %s.%s", version, major, minor)
}

// noV2Snapshot is why the keys of the v2 API cannot be had, and what to do.
func (a action) noV2Snapshot(ctx context.Context) string {
	const cannot = "cannot take a snapshot of the v2 keys: "
	own, _, err := a.machine.Health(ctx)
	if err != nil {
		return cannot + err.Error()
	}
	var minor int
	if _, err := fmt.Sscanf(own.Version, "3.%d.", &minor); err == nil && minor > 5 {
		return cannot + "etcd " + own.Version + " has none, the v2 API ended with 3.5; leave keys-version at v3"
	}
	return cannot + "members run without the v2 API here, so there are none but those of former times; " +
		"to have them, run ETCDCTL_API=2 etcdctl backup --data-dir DATA --backup-dir DIR on a unit, and pack DIR with tar czf"
}

// progress tells who waits for the action how it goes. That nobody hears it is no reason to fail.
func (a action) progress(ctx context.Context, what string) {
	if err := a.run.Tools.LogAction(ctx, what); err != nil {
		a.run.Log.Error(err, "Could not tell how the action goes")
	}
}
