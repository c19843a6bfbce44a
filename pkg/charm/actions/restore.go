package actions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/charm/dispatch"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
)

// The old charm's words, which scripts look for.
const (
	onlyOnLeader    = "This action can only be run on the leader unit"
	missingSnapshot = "Missing snapshot. Attach one (juju attach-resource %s snapshot=FILE), or name a file on this unit (snapshot=PATH)"
)

// restore is the action of the same name. On the sole unit of an application it has ended when the
// restore has; where there are others, it makes the data ready, and asks the controller to go on.
// Everything is verified before anything is touched.
func (a action) restore(ctx context.Context) error {
	request, why, err := a.restoreRequest(ctx)
	if err != nil {
		return err
	}
	place, unfit, err := a.mayRestore(ctx, request)
	if err != nil {
		return err
	}
	if why = errors.Join(why, unfit); why != nil {
		return a.run.Tools.FailAction(ctx, strings.ReplaceAll(why.Error(), "\n", "; "))
	}
	if request.stored != "" {
		done, why, err := a.fetchStored(ctx, &request)
		if err != nil {
			return err
		}
		if why != nil {
			return a.run.Tools.FailAction(ctx, why.Error())
		}
		defer done()
	}
	return a.restoreProven(ctx, place, request)
}

// restoreProven has the archive verified and restored, where it may be.
func (a action) restoreProven(ctx context.Context, place place, request restoreRequest) error {
	order := RestoreOrder{
		Unit: a.run.Env.Unit, ModelUUID: a.run.Env.ModelUUID, Task: a.run.Env.Action,
		Archive: request.archive, Name: request.name, SHA256: request.sha256, DisableAuth: request.disableAuth,
		Token: restoredToken(place.latch, a.run.Env.Action), Latched: place.latch.ClusterID, Target: request.backup, Stage: len(place.others) > 0,
	}
	if why := a.givesUpV2(ctx, place, request); why != nil {
		order.NotV3 = why.Error()
	}
	outcome, err := a.worker(ctx, order, detached.Tell{
		Progress: func(what string) { a.progress(ctx, what) },
		Log:      func(what string) { a.run.Log.Info(what) },
	})
	switch {
	case errors.Is(err, detached.ErrRuns):
		return a.run.Tools.FailAction(ctx, err.Error())
	case errors.Is(err, detached.ErrDied) && !order.Stage:
		outcome, err = a.takeUp(ctx, err)
	}
	switch {
	case err != nil:
		return err
	case outcome.Refused != "":
		return a.run.Tools.FailAction(ctx, outcome.Refused)
	case outcome.Added != nil:
		return a.reportV2(ctx, place, request, outcome)
	case outcome.Staged != nil:
		return a.askToRestore(ctx, place, *outcome.Staged, origin(request.name, outcome.Archive))
	}
	if _, err := FollowRestore(ctx, a.run, *outcome.Restored); err != nil {
		return err
	}
	if err := a.publishMember(ctx); err != nil {
		return err
	}
	return a.reportRestore(ctx, request, outcome.Archive, *outcome.Restored)
}

// takeUp ends a restore whose program has died, as the next hook would: it goes on or goes back.
func (a action) takeUp(ctx context.Context, died error) (outcome RestoreOutcome, err error) {
	done, restored, err := a.machine.ResumeRestore(ctx)
	switch {
	case err != nil:
		return outcome, errors.Join(died, err)
	case !done:
		return RestoreOutcome{Refused: died.Error() + " (the data that was here is in its place)"}, nil
	}
	return RestoreOutcome{Restored: &restored}, nil
}

// publishMember has the unit's facts tell of the restored member in the same commit as the latch: the
// controller must not see one without the other.
func (a action) publishMember(ctx context.Context) error {
	p, err := a.run.Published(ctx)
	if err != nil {
		return err
	}
	now, err := a.machine.Facts(ctx)
	if err != nil {
		return err
	}
	facts := p.Facts
	facts.Member, facts.Running, facts.RestartPending = now.Member, now.Running, now.RestartPending
	return a.run.Publish(ctx, p, facts, nil)
}

// restoredToken is that of the restored cluster: no other restore in the model has the task's number,
// and no cluster was born with this.
func restoredToken(latch v1alpha1.Latch, task int64) string {
	token, _, _ := strings.Cut(latch.Token(), restoredMark)
	return token + restoredMark + strconv.FormatInt(task, 10)
}

const restoredMark = "-restored-"

func (a action) reportRestore(ctx context.Context, request restoreRequest, archive snapshot.Archive, restored machine.Restored) error {
	results := [][2]string{
		{v1alpha1.ResultRestoredCluster, restored.To},
		{v1alpha1.ResultRestoredFrom, origin(request.name, archive)},
		{v1alpha1.ResultReplacedData, restored.Aside},
		{v1alpha1.ResultBackupPath, restored.Backup.Path},
		{v1alpha1.ResultBackupSHA256, restored.Backup.SHA256},
		{v1alpha1.ResultOutput, "The archive is restored, as cluster " + restored.To +
			". Restart clients that keep what they have read, such as Kubernetes API servers."},
	}
	for _, r := range results {
		if r[1] == "" {
			continue
		}
		if err := a.run.Tools.SetActionResult(ctx, r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// origin says what was restored. Another cluster's archive is no fault: a lost model's is what it is
// for.
func origin(name string, archive snapshot.Archive) string {
	if archive.SHA256 == "" {
		return name // who could have told has died
	}
	of := fmt.Sprintf("revision %d", archive.Revision)
	if archive.Form == snapshot.FormV2 {
		of = "v2 keys"
	}
	text := fmt.Sprintf("%s (sha256 %s), %s", name, archive.SHA256, of)
	if o := archive.Origin; o != nil {
		text += fmt.Sprintf(", of application %s, cluster %s, taken %s", o.Application, o.ClusterID, o.Time.UTC().Format(time.RFC3339))
	}
	if archive.Form == snapshot.FormDirectory {
		text += "; of a whole data directory its v3 keys, as its database has them"
	}
	if archive.Digest == snapshot.DigestNone {
		text += "; nothing in it proves its bytes, only its structure was looked at"
	}
	return text
}

// place is where something is to be restored.
type place struct {
	latch     v1alpha1.Latch
	published dispatch.Published
	// others are the application's other units: what Juju shows decides, because etcd may not answer
	// any more.
	others []string
}

// mayRestore says why nothing may be restored here now.
func (a action) mayRestore(ctx context.Context, request restoreRequest) (here place, why, err error) {
	leader, err := a.run.Tools.IsLeader(ctx)
	if err != nil {
		return here, nil, err
	}
	if here.published, err = a.run.Published(ctx); err != nil {
		return here, nil, err
	}
	if here.published.None() {
		return here, errors.New("this unit has told the controller nothing of itself yet; run it again in a minute"), nil
	}
	if here.others, err = a.run.Tools.RelationUnits(ctx, here.published.Relation); err != nil {
		return here, nil, err
	}
	bag, err := a.run.LatchBag(ctx, here.published.Relation)
	if err != nil {
		return here, nil, err
	}
	if here.latch, why = v1alpha1.LatchFromDatabag(bag); why != nil {
		return here, why, nil
	}
	entries, why := here.latch.Entries()
	switch {
	case len(here.others) == 0 && !leader:
		why = errors.New(onlyOnLeader) //nolint:staticcheck // ST1005: the words of the charm before this one
	case why != nil:
	case len(entries) > 0:
		why = fmt.Errorf("%s is under way; juju status tells what it waits for", entries[0].Procedure)
	case here.latch.ClusterID == "":
		why = errors.New("there is no cluster yet; run it again when juju status shows one")
	case here.latch.Ends():
		why = errors.New("the cluster ends, because Juju keeps no unit of it")
	case len(here.others) > 0 && !here.latch.V2(): // else what is in the archive decides
		why = a.mayReplace(ctx, here, request)
	}
	return here, why, nil
}

// mayReplace says why the cluster of several units may not be given up for what is restored: as long
// as it has a quorum, a person has to name it.
func (a action) mayReplace(ctx context.Context, here place, request restoreRequest) error {
	_, view, err := a.machine.Health(ctx)
	if err != nil {
		return err
	}
	switch {
	case request.replace != "" && request.replace != here.latch.ClusterID:
		return fmt.Errorf("%.40q is not the ID of this application's cluster, which is %s", request.replace, here.latch.ClusterID)
	case view.Listed && request.replace == "":
		return fmt.Errorf("the cluster %s has a quorum, and other units (%s): to have all of them stopped, and to give up what they have for the archive, "+
			"run it with replace=%s", here.latch.ClusterID, strings.Join(here.others, ", "), here.latch.ClusterID)
	case request.backup != "":
		return errors.New("with other units no backup is packed (skip-backup=false): what each has is set aside, and the action snapshot takes one before")
	}
	return a.held(kind{unborn: "there is no cluster yet"}, here.latch, here.published.Facts.Request)
}

// askToRestore has the unit's facts ask the controller to go on with what was made ready: they are
// committed with the action's end.
func (a action) askToRestore(ctx context.Context, here place, staged v1alpha1.RestoreFacts, from string) error {
	facts := here.published.Facts
	facts.Restore = &staged
	facts.Request = &v1alpha1.Request{Task: a.run.Env.Action, Kind: v1alpha1.ActionRestore}
	if err := a.run.Publish(ctx, here.published, facts, nil); err != nil {
		return err
	}
	for _, r := range [][2]string{
		{v1alpha1.ResultRestoredFrom, from},
		{v1alpha1.ResultOutput, "The archive is ready on this unit, as cluster " + staged.ClusterID + ". The controller was asked to stop all members, " +
			"to start this one with it, and to have the others join; juju status tells how it goes. " +
			"Restart clients that keep what they have read then, such as Kubernetes API servers."},
	} {
		if err := a.run.Tools.SetActionResult(ctx, r[0], r[1]); err != nil {
			return err
		}
	}
	return nil
}

// latchOf is the cluster's latch, and the relation that has it; empty before Juju has made that.
func latchOf(ctx context.Context, run *dispatch.Run) (peers string, latch v1alpha1.Latch, err error) {
	peers, err = run.Peers(ctx)
	if err != nil || peers == "" {
		return peers, latch, err
	}
	bag, err := run.LatchBag(ctx, peers)
	if err != nil {
		return peers, latch, err
	}
	latch, err = v1alpha1.LatchFromDatabag(bag)
	return peers, latch, err
}

// FollowRestore has the unit's facts and the latch tell of the restored cluster. It may be called
// again, and by a later hook than the restore's: Juju commits both with the one that it is called
// in. Only the Juju leader can write the latch.
func FollowRestore(ctx context.Context, run *dispatch.Run, restored machine.Restored) (done bool, err error) {
	peers, latch, err := latchOf(ctx, run)
	if err != nil || peers == "" {
		return false, err
	}
	if latch.ClusterID == restored.To {
		return true, nil
	}
	leader, err := run.Tools.IsLeader(ctx)
	if err != nil || !leader {
		return false, err
	}
	request := v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{
		FromSeeds: latch.Seeds, From: restored.Latched, To: restored.To,
		Seeds: &v1alpha1.Seeds{Token: restored.Token, Members: []v1alpha1.Seed{{Unit: run.Env.Unit, Name: restored.Name, PeerURL: restored.PeerURL}}},
	}}
	next, err := latch.Apply(request, v1alpha1.Epoch{})
	if err != nil {
		return false, err
	}
	writes, err := request.Writes(latch, next)
	if err != nil {
		return false, err
	}
	return false, run.Tools.SetApplicationRelation(ctx, peers, writes)
}
