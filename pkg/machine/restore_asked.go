package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/datadir"
	"jujuetcd.io/pkg/machine/record"
)

// A restore on a unit that is not alone is the controller's: an action makes the data ready, which
// takes as long as it takes, and a delivery under a phase of the journal has the unit put it in its
// place when all members are stopped. See v1alpha1.RestoreSpec.

// StageRestore makes the data of a restored cluster beside the unit's, while etcd serves, and
// records it: nothing else changes before a delivery says so. What an earlier call has made ready is
// replaced. r.Target is not used: the data that is replaced is set aside.
func (m *Machine) StageRestore(ctx context.Context, r Restore) (v1alpha1.RestoreFacts, error) {
	a, err := m.beginRestore(ctx)
	if err != nil {
		return v1alpha1.RestoreFacts{}, err
	}
	if before := a.record.Restore; before != nil && !before.Asked {
		return v1alpha1.RestoreFacts{}, fmt.Errorf("cannot restore: the restore of task %d is not over; the next hook of this unit ends it", before.Task)
	}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	r.asked = true
	if err := a.prepareRestore(ctx, r); err != nil {
		return v1alpha1.RestoreFacts{}, err
	}
	return *stagedFacts(a.record), nil
}

// DropStaged forgets what StageRestore has made ready, and removes it. Data that has come to its
// place stays.
func (m *Machine) DropStaged() error {
	r, err := m.load()
	if err != nil || r.Restore == nil || !r.Restore.Asked {
		return err
	}
	if err := os.RemoveAll(m.path(r.Restore.Staged)); err != nil {
		return fmt.Errorf("cannot clear what a restore has left: %w", err)
	}
	r.Restore = nil
	return m.remember(&r)
}

// stagedFacts tells the others of a restore that the controller was asked for; nil if there is none.
func stagedFacts(r record.Record) *v1alpha1.RestoreFacts {
	if r.Restore == nil || !r.Restore.Asked || r.Spec == nil {
		return nil
	}
	return &v1alpha1.RestoreFacts{
		ID: strconv.FormatInt(r.Restore.Task, 10), ClusterID: r.Restore.Member.ClusterID, Token: r.Restore.Member.Token,
		Name: r.Spec.Etcd.Name, PeerURL: r.Restore.PeerURL, Done: r.Restore.Done,
	}
}

// isStaged says that the record has what the spec is to restore.
func isStaged(spec *v1alpha1.EtcdUnitSpec, r record.Record) bool {
	return spec.Etcd.Restore != nil && r.Restore != nil && r.Restore.Asked && strconv.FormatInt(r.Restore.Task, 10) == spec.Etcd.Restore.ID
}

// admitRestore wants a restore to be one that is ready here. One that was gone back from may be
// taken back again.
func admitRestore(spec *v1alpha1.EtcdUnitSpec, _ Situation, seen Seen) *Refusal {
	want := spec.Etcd.Restore
	if want == nil || isStaged(spec, seen.Record) || want.Back && seen.Record.Restore == nil {
		return nil
	}
	return refuse(v1alpha1.ReasonOtherPhase, "cannot restore on %s: nothing is ready for task %s", spec.Unit, want.ID)
}

// isRestored says that the data here is what the spec has restored.
func isRestored(spec *v1alpha1.EtcdUnitSpec, seen Seen) bool {
	return isStaged(spec, seen.Record) && seen.Cluster == seen.Record.Restore.Member.ClusterID
}

// exchangeStaged puts what an action has made ready in its place, or, on the way back, what was there
// before. All members are halted, so that no lock can be held; the journal's phase permits it.
func (a *application) exchangeStaged(ctx context.Context) error {
	want, r := a.spec.Etcd.Restore, a.record.Restore
	if want == nil || r == nil {
		return nil
	}
	if want.Back {
		if err := a.withdraw(ctx); err != nil {
			return err
		}
		a.record.Restore = nil
		return a.m.remember(&a.record)
	}
	if r.Done {
		return nil
	}
	here, err := datadir.Inspect(a.m.path(r.Member.DataDir))
	if err != nil {
		return err
	}
	if here.Present && here.Cluster.String() != r.Member.ClusterID {
		if err := a.stop(ctx); err != nil { // a person may have started it
			return err
		}
		off, err := a.off(ctx)
		if err != nil {
			return err
		}
		if !off {
			return errors.New("cannot restore: etcd's service does not stop")
		}
	}
	return a.putInPlace()
}

// proveStaged waits until the restored member answers.
func (a *application) proveStaged(ctx context.Context) error {
	if want := a.spec.Etcd.Restore; want == nil || want.Back || a.record.Restore == nil || a.record.Restore.Done {
		return nil
	}
	return a.answersRestored(ctx)
}
