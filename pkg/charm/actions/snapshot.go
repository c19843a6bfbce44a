package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// keysV3 is what keys-version may be, beside snapshot.KeysV2.
const keysV3 = "v3"

// snapshotTarget is the folder that a person names, or the one where snapshots have always been.
func (a action) snapshotTarget(ctx context.Context) (string, error) {
	target, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterTarget)
	return cmp.Or(strings.TrimSpace(target), machine.DefaultSnapshots), err
}

// takeSnapshot is the action snapshot: the database as the best member sends it, or what etcdctl backup
// has of the unit's v2 keys, proved, packed, and for whom juju scp logs in as.
func (a action) takeSnapshot(ctx context.Context) error {
	target, err := a.snapshotTarget(ctx)
	if err != nil {
		return err
	}
	keys, err := a.run.Tools.ActionParameter(ctx, v1alpha1.ParameterKeysVersion)
	if err != nil {
		return err
	}
	s := machine.Snapshots{
		Dir:      target,
		Origin:   snapshot.Origin{Application: a.run.Env.Application(), Model: a.run.Env.Model, Unit: a.run.Env.Unit},
		Progress: func(what string) { a.progress(ctx, what) },
	}
	var taken snapshot.Archive
	var behind string
	switch cmp.Or(keys, keysV3) {
	case keysV3:
		taken, behind, err = a.machine.TakeSnapshot(ctx, s)
	case snapshot.KeysV2:
		taken, err = a.machine.TakeV2Snapshot(ctx, s)
	default:
		err = errors.New("keys-version must be either v2 or v3") // as it has always been said
	}
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	results := [][2]string{
		{v1alpha1.ResultSnapshotPath, taken.Path},
		{v1alpha1.ResultSnapshotSize, snapshot.Size(taken.Size)},
		{v1alpha1.ResultSnapshotSHA256, taken.SHA256},
		{v1alpha1.ResultSnapshotVersion, etcdctlVersion(taken.Origin.EtcdVersion)},
		{v1alpha1.ResultCopy, fmt.Sprintf("juju scp %s:%s .", a.run.Env.Unit, taken.Path)},
		{v1alpha1.ResultSnapshotMember, taken.Origin.Member},
		{v1alpha1.ResultSnapshotCluster, taken.Origin.ClusterID},
	}
	if taken.Form != snapshot.FormV2 { // of which only an etcd could tell them
		results = append(results, [2]string{v1alpha1.ResultSnapshotRevision, strconv.FormatInt(taken.Revision, 10)},
			[2]string{v1alpha1.ResultSnapshotKeys, strconv.FormatInt(taken.Keys, 10)})
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

// progress tells who waits for the action how it goes. That nobody hears it is no reason to fail.
func (a action) progress(ctx context.Context, what string) {
	if err := a.run.Tools.LogAction(ctx, what); err != nil {
		a.run.Log.Error(err, "Could not tell how the action goes")
	}
}
