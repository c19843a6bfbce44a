package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
)

// restoreLockTTL is how long the lock of a restore outlives its holder: as with a halt it goes with
// the data that it lies in.
const restoreLockTTL = 15 * time.Second

// Restore is what a restore needs besides the machine.
type Restore struct {
	// Task is Juju's number of the action that asks for it, and Token that of the new cluster.
	Task  int64
	Token string
	// Latched is the cluster's ID in the latch.
	Latched string
	// Prepare makes the data directory of a cluster whose sole member this is; dir is not there yet.
	Prepare func(ctx context.Context, dir string, m SoleMember) error
	// Target is the folder in which an archive of the data is kept that is replaced, besides the data
	// itself; empty for none.
	Target string
	// Progress is told what is done next.
	Progress func(what string)
	// asked says that the controller goes on with it: see StageRestore.
	asked bool
}

// SoleMember is the member of a restored cluster, and the revision that the cluster before has come
// to, as far as anybody knows; zero where nobody does.
type SoleMember struct {
	Name, PeerURL, Token string
	Before               int64
}

// Restored is how a restore has ended.
type Restored struct {
	// From is the cluster that was here, empty for none; To the one that is. Latched is what the latch
	// had: another ID there by now is not to be replaced.
	From, To, Latched string
	// Member is what the data is of now.
	Member, Name, PeerURL, Token string
	// Aside is where the replaced data lies; empty where there was none.
	Aside string
	// Backup is the archive of it; empty if none was asked for.
	Backup Backup
}

// Restore puts other data in the place of the unit's, which must be the sole member of its cluster:
//
//  1. the restored data is made beside the other, while etcd serves: an archive that cannot be
//     restored costs nothing;
//  2. what will be done is recorded;
//  3. etcd is stopped, under the cluster's lock if anybody can hold that;
//  4. the data is set aside, never deleted, and the restored data takes its place;
//  5. etcd is started, and must answer as the new cluster.
//
// What fails before the new cluster has answered is undone: the data is put back, and etcd started
// with it. An agent that dies in between leaves that to ResumeRestore.
func (m *Machine) Restore(ctx context.Context, r Restore) (Restored, error) {
	a, err := m.beginRestore(ctx)
	if err != nil {
		return Restored{}, err
	}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	if r := a.record.Restore; r != nil && !r.Done && !r.Asked {
		return Restored{}, fmt.Errorf("cannot restore: the restore of task %d is not over; the next hook of this unit ends it", a.record.Restore.Task)
	}
	locked, err := a.alone(ctx)
	if err != nil {
		return Restored{}, err
	}
	if err := a.prepareRestore(ctx, r); err != nil {
		return Restored{}, err
	}
	var kept Backup
	err = a.exchange(ctx, r, locked, &kept)
	if err != nil {
		// The caller's time may be over, which is no reason to leave the unit without etcd.
		again, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
		defer cancel()
		if undone := a.undoRestore(again); undone != nil {
			return Restored{}, errors.Join(err, undone)
		}
		return Restored{}, fmt.Errorf("%w (the data that was here is in its place again)", err)
	}
	done := a.restored()
	done.Backup = kept
	return done, nil
}

// undoLimit is how long putting the old data back may take: a stop, two renames and a start.
const undoLimit = 2 * time.Minute

func (m *Machine) beginRestore(ctx context.Context) (*application, error) {
	t, err := m.tenancy(ctx)
	switch {
	case err != nil:
		return nil, err
	case t.taken != nil:
		return nil, fmt.Errorf("cannot restore: %s", Occupied(t.taken, m.o.ModelUUID))
	case t.record.Spec == nil || t.record.Config.Hash == "":
		return nil, errors.New("cannot restore: etcd is not configured on this unit yet; try again when juju status shows it active")
	case strings.HasPrefix(t.data.Dir, attached):
		return nil, fmt.Errorf("cannot restore: the data is on attached storage (%s), which is not supported yet", t.data.Dir)
	}
	a := &application{m: m, spec: t.record.Spec, tenancy: t, boot: m.bootID()}
	if a.snap, err = m.snapd.Snap(ctx, SnapName); err != nil {
		return nil, err
	}
	if a.snap == nil {
		return nil, errors.New("cannot restore: the snap etcd is not installed")
	}
	return a, nil
}

// alone says whether the unit's member is the only one of its cluster, and whether its lock can be
// held. Where no quorum answers only Juju can tell who else there is.
func (a *application) alone(ctx context.Context) (lock bool, err error) {
	cluster, err := a.m.connect()
	if err != nil {
		return false, fmt.Errorf("cannot tell whether there are other members: %w", err)
	}
	defer cluster.Close()
	view := cluster.Look(ctx, a.endpoints())
	if !view.Listed {
		return false, nil
	}
	if !a.data.Present || len(view.Members) != 1 || view.Members[0].ID != a.data.Member {
		return false, fmt.Errorf("cannot restore: the cluster %s is there and has other members than this unit's (%s); remove their units first",
			view.ClusterID, strings.Join(memberIDs(view), ", "))
	}
	return lockable(view), nil
}

// prepareRestore makes the restored data, and records what comes.
func (a *application) prepareRestore(ctx context.Context, r Restore) error {
	staged := a.data.Dir + fmt.Sprintf(".restore-%d", r.Task)
	if err := a.m.clearStaged(a.data.Dir); err != nil {
		return fmt.Errorf("cannot restore: %w", err)
	}
	r.Progress("restoring the archive beside the data, while etcd serves")
	sole := SoleMember{Name: a.spec.Etcd.Name, Token: r.Token, Before: a.reached(ctx)}
	if urls := a.spec.Etcd.AdvertisePeerURLs; len(urls) > 0 {
		sole.PeerURL = urls[0]
	}
	err := r.Prepare(ctx, a.m.path(staged), sole)
	var made datadir.State
	if err == nil {
		made, err = datadir.Inspect(a.m.path(staged))
	}
	switch {
	case err == nil && !made.Present:
		err = errors.New("no data has come of it")
	case err == nil && a.data.Present && made.Cluster == a.data.Cluster:
		err = fmt.Errorf("it would be of the cluster that is here, %s", made.Cluster)
	}
	if err != nil {
		_ = os.RemoveAll(a.m.path(staged))
		return fmt.Errorf("cannot restore: %w", err)
	}
	a.record.Restore = &record.Restore{
		Task: r.Task, Latched: r.Latched, Before: a.record.Member, Staged: staged, Asked: r.asked, PeerURL: sole.PeerURL, V2: a.spec.Etcd.EnableV2,
		Member: record.Member{Started: true, Token: r.Token, MemberID: made.Member.String(), ClusterID: made.Cluster.String(), DataDir: a.data.Dir},
	}
	if a.data.Present {
		a.record.Restore.From, a.record.Restore.Before = a.data.Cluster.String(), remembered(a.record.Member, a.data)
	}
	return a.m.remember(&a.record)
}

// exchange is steps 3 to 5 of Restore.
func (a *application) exchange(ctx context.Context, r Restore, locked bool, kept *Backup) error {
	r.Progress("stopping etcd")
	if err := a.stopForRestore(ctx, locked); err != nil {
		return err
	}
	if off, err := a.off(ctx); err != nil || !off {
		return cmp.Or(err, errors.New("cannot restore: etcd's service does not stop"))
	}
	if r.Target != "" && a.data.Present {
		r.Progress("packing the data that was here")
		var err error
		if *kept, err = a.m.backUp(ctx, a.data.Dir, r.Target); err != nil {
			return err
		}
	}
	if err := a.putInPlace(); err != nil {
		return err
	}
	r.Progress("starting etcd with the restored data")
	return a.serveRestored(ctx)
}

// stopForRestore stops the sole member: under the lock, so that no daemon adds another meanwhile.
func (a *application) stopForRestore(ctx context.Context, locked bool) error {
	if !locked {
		a.m.log.Info("Stops etcd for a restore without the cluster's lock, which nobody can hold now")
		return a.stop(ctx)
	}
	cluster, err := a.m.connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	err = etcdops.Under(ctx, cluster, a.hold(a.endpoints(), "restore a snapshot on "+a.spec.Unit, restoreLockTTL), func(held context.Context) error {
		view := cluster.Look(held, a.endpoints())
		if len(view.Members) != 1 || view.Members[0].ID != a.data.Member {
			return errors.New("the member list has changed")
		}
		if err := etcdops.Fenced(held); err != nil {
			return err
		}
		// It is watched with the caller's context: the lock goes with the member.
		return a.stop(ctx)
	})
	if err != nil {
		return fmt.Errorf("cannot stop etcd for a restore: %w", err)
	}
	return nil
}

// putInPlace sets the data aside and puts the restored data in its place; again, it goes on where it
// was.
func (a *application) putInPlace() error {
	r := a.record.Restore
	dir := a.m.path(r.Member.DataDir)
	here, err := datadir.Inspect(dir)
	if err != nil {
		return err
	}
	if here.Present && here.Cluster.String() != r.Member.ClusterID {
		r.Aside = a.m.production(datadir.AsideName(dir, a.m.o.Now()))
		if err := a.m.remember(&a.record); err != nil {
			return err
		}
		if err := a.m.disk.Rename(filepath.Join(dir, "member"), a.m.path(r.Aside)); err != nil {
			return err
		}
		here.Present = false
	}
	if !here.Present {
		if err := a.m.disk.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := a.m.disk.Rename(filepath.Join(a.m.path(r.Staged), "member"), filepath.Join(dir, "member")); err != nil {
			return err
		}
	}
	a.record.Member = r.Member
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	_ = os.Remove(a.m.path(r.Staged)) // empty; what is left of it harms nobody
	a.data, err = a.m.inspect(a.record)
	return err
}

// serveRestored starts the restored member, and waits until it answers as the cluster that it is.
func (a *application) serveRestored(ctx context.Context) error {
	a.spec.Etcd.EnableV2 = false // no v2 keys are in it, and the latch has the v2 API go with the cluster
	for _, step := range []func(context.Context) error{a.configure, a.dropIns} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return a.answersRestored(ctx)
}

// answersRestored waits until etcd answers as the cluster that was restored, and records it.
func (a *application) answersRestored(ctx context.Context) error {
	if err := a.startAgain(ctx); err != nil {
		return err
	}
	cluster, err := a.m.connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	view := cluster.Look(ctx, []string{ownURL(a.record)})
	want := a.record.Restore.Member
	if !view.Listed || view.ClusterID.String() != want.ClusterID || len(view.Members) != 1 {
		return fmt.Errorf("cannot go on with the restored data: cluster %s with one member was expected, and there is %s with %d (%s)",
			want.ClusterID, view.ClusterID, len(view.Members), view.Err)
	}
	a.record.Restore.Done = true
	return a.m.remember(&a.record)
}

// startAgain starts the service, and waits for as long as the caller has time: a large database
// takes long to load.
func (a *application) startAgain(ctx context.Context) error {
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return err
	}
	if !state.Running() {
		if err := a.start(ctx, state); err != nil {
			return err
		}
	}
	for {
		err := a.up(ctx)
		if e, is := errors.AsType[*early](err); !is || e.outcome != v1alpha1.OutcomeInProgress || ctx.Err() != nil {
			return err
		}
	}
}

func (a *application) restored() Restored {
	r := a.record.Restore
	out := Restored{From: r.From, To: r.Member.ClusterID, Latched: r.Latched, Member: r.Member.MemberID, Name: a.spec.Etcd.Name, Token: r.Member.Token, Aside: r.Aside}
	if urls := a.spec.Etcd.AdvertisePeerURLs; len(urls) > 0 {
		out.PeerURL = urls[0]
	}
	return out
}
