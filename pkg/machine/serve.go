package machine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/service"
	"jujuetcd.io/pkg/pause"
)

const (
	// lockTTL is how long a restart's lock outlives an agent that dies. A restart that was begun at
	// the last moment, and lives on in snapd without its agent, is over before the lock is somebody
	// else's: nothing is begun when less than serviceWait is left of it.
	lockTTL = serviceWait + 25*time.Second
	// lockWait is how long a restart waits for somebody else's change.
	lockWait = 3 * time.Second
	// startPoll is how often a start is looked at.
	startPoll = 100 * time.Millisecond
)

// serve makes the service run, if the spec wants it to and it may. Nothing is stopped here for
// ServiceStopped and ServiceHalted: what may not run was stopped before its configuration was
// written.
func (a *application) serve(ctx context.Context) error {
	if a.spec.Service.State != v1alpha1.ServiceRunning {
		if a.data.Present || a.spec.Service.State == v1alpha1.ServiceHalted {
			return nil
		}
		// It is being made ready for its first start: nobody is to count on it before it can have
		// its ports.
		return a.portsFree()
	}
	if !a.data.Present && a.spec.Etcd.Initial == nil {
		return nil // a unit without data, that is not told how to begin
	}
	if err := a.trusted(); err != nil {
		return err
	}
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return err
	}
	a.process(state)
	switch {
	case state.Waits() && a.hasRun():
		// It has crashed, and systemd restarts it after the charm's 10 s. A start now would only
		// wait for that, inside this action, and a faster restart would hide the crash.
		return nil
	case state.Waits():
		// It fails at its first start. What was wrong may be mended now, so the wait is cut short.
		if err := a.stop(ctx); err != nil {
			return err
		}
		if err := a.portsFree(); err != nil {
			return err
		}
		if err := a.start(ctx, state); err != nil {
			return err
		}
	case !state.Running():
		if err := a.portsFree(); err != nil {
			return err
		}
		if err := a.start(ctx, state); err != nil {
			return err
		}
	case outdated(a.record) && !a.data.Present:
		// It fails before it has made a member: nobody relies on it.
		if err := a.restart(ctx); err != nil {
			return err
		}
	case outdated(a.record) && a.spec.Delivery.AllowRestart:
		return a.guardedRestart(ctx)
	case outdated(a.record):
		a.pending = true
	}
	return a.up(ctx)
}

// trusted says whether the unit has all certificates that a start needs.
func (a *application) trusted() error {
	have, err := a.m.tls.Facts()
	if err != nil {
		return err
	}
	missing := ""
	switch {
	case len(have.CA) == 0:
		missing = "CA bundle"
	case have.Server == nil:
		missing = "server certificate"
	case have.Client == nil:
		missing = "client certificate"
	default:
		return nil
	}
	return failed(v1alpha1.ReasonNoCertificate, fmt.Errorf("cannot start etcd: there is no usable %s yet", missing))
}

func (a *application) start(ctx context.Context, state service.State) error {
	if state.Active == "failed" || state.Waits() {
		if err := a.m.unit.ResetFailed(ctx); err != nil {
			return err
		}
	}
	id, err := a.m.snapd.Start(ctx, SnapName)
	if err != nil {
		return err
	}
	a.did("snap start --enable etcd")
	return a.watch(ctx, id, a.m.o.SnapWait)
}

// hasRun says that the member has answered before, with the configuration that is on disk now: what
// it lacks is not ours to mend.
func (a *application) hasRun() bool {
	return a.data.Present && a.record.Process.Hash != "" && a.record.Process.Hash == a.record.Config.Hash
}

func (a *application) restart(ctx context.Context) error {
	id, err := a.beginRestart(ctx)
	if err != nil {
		return err
	}
	return a.watch(ctx, id, serviceWait)
}

// guardedRestart restarts a running member if a fresh look says that the others do without it.
func (a *application) guardedRestart(ctx context.Context) error {
	return a.restartIf(ctx, func(v etcdops.View) error { return etcdops.CanStop(v, a.data.Member) })
}

// restartIf restarts a running member: under the cluster's lock, and only if a fresh look permits it. It
// is begun only while the lock is surely ours; the lock is held until the member is back.
func (a *application) restartIf(ctx context.Context, may func(etcdops.View) error) error {
	cluster, err := a.m.connect()
	if err != nil {
		return failed(v1alpha1.ReasonQuorumGuard, err)
	}
	defer cluster.Close()
	endpoints := a.endpoints()
	hold := a.hold(endpoints, "restart "+a.spec.Unit, lockTTL)
	hold.Spare = serviceWait
	locked, begun := false, false
	err = etcdops.Under(ctx, cluster, hold, func(held context.Context) error {
		locked = true
		if err := may(cluster.Look(held, endpoints)); err != nil {
			return failed(v1alpha1.ReasonQuorumGuard, err)
		}
		if err := a.portsFree(portOf(a.record.Process.Read.ClientURL), portOf(a.record.Process.Read.PeerURL)); err != nil {
			return err
		}
		id, err := a.beginRestart(held)
		if err != nil {
			return err
		}
		// What has begun is watched with the caller's context: the lock is kept for as long as that
		// takes.
		begun = true
		if err := a.watch(ctx, id, serviceWait); err != nil {
			return err
		}
		return a.up(ctx)
	})
	if err == nil || begun {
		return err
	}
	a.pending = true
	if !locked || errors.Is(err, etcdops.ErrLockLost) || errors.Is(err, etcdops.ErrLockOver) {
		return failed(v1alpha1.ReasonQuorumGuard, fmt.Errorf("cannot restart etcd: %w", err))
	}
	return err
}

// beginRestart asks snapd for a restart, if what was decided on still holds.
func (a *application) beginRestart(ctx context.Context) (string, error) {
	if err := etcdops.Fenced(ctx); err != nil {
		return "", err
	}
	id, err := a.m.snapd.Restart(ctx, SnapName)
	if err == nil {
		a.did("snap restart etcd")
	}
	return id, err
}

// up watches until etcd answers: its process is there, its data too, and it answers a status call.
// What is seen on the way is recorded.
func (a *application) up(ctx context.Context) error {
	var cluster Cluster
	defer func() {
		if cluster != nil {
			cluster.Close()
		}
	}()
	deadline := time.Now().Add(a.m.o.StartWait)
	first := -1
	for {
		state, err := a.m.unit.State(ctx)
		if err != nil {
			return err
		}
		if first < 0 {
			first = state.Restarts
		}
		a.process(state)
		if err := a.sawData(ctx); err != nil {
			return err
		}
		if a.record.Process.Answered {
			return a.m.remember(&a.record)
		}
		if state.Down() || state.Waits() || state.Restarts > first {
			return a.startFailed(ctx, state)
		}
		if state.Running() && a.data.Present {
			if cluster == nil {
				if cluster, err = a.m.connect(); err != nil {
					return failed(v1alpha1.ReasonNoCertificate, err)
				}
			}
			if cluster.Check(ctx, ownURL(a.record)).Answered {
				a.record.Process.Answered = true
				return a.m.remember(&a.record)
			}
		}
		if time.Now().After(deadline) {
			if err := a.m.remember(&a.record); err != nil {
				return err
			}
			return inProgress(v1alpha1.ReasonStartFailed, fmt.Errorf("etcd has started and does not answer yet%s", a.lastError(ctx)))
		}
		if err := pause.For(ctx, startPoll); err != nil {
			return err
		}
	}
}

// sawData looks for the member's data until it is there: from then on it must never be missing
// again.
func (a *application) sawData(ctx context.Context) error {
	if a.data.Present && a.record.Member.Started {
		return nil
	}
	found, err := a.m.inspect(a.record)
	if err != nil || !found.Present {
		return err
	}
	a.data = found
	a.record.Member = remembered(a.record.Member, found)
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	// Now at once what must never happen again is made impossible: a start without the data, and
	// one with state new.
	if err := a.dropIns(ctx); err != nil {
		return err
	}
	if err := a.configure(ctx); err != nil {
		return err
	}
	expected := a.spec.Delivery.ExpectClusterID
	if expected != "" && expected != found.Cluster.String() {
		return failed(v1alpha1.ReasonOtherCluster, fmt.Errorf("cannot go on: etcd has started a member of cluster %s, and %s was expected",
			found.Cluster, expected))
	}
	return nil
}

func (a *application) startFailed(ctx context.Context, state service.State) error {
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	return failed(v1alpha1.ReasonStartFailed, fmt.Errorf("cannot keep etcd running: it is %s (%s), last result %s%s",
		state.Active, state.Sub, state.Result, a.lastError(ctx)))
}

// lastError is the last line of etcd's log that reports an error, as the end of a sentence.
func (a *application) lastError(ctx context.Context) string {
	lines, err := a.m.snapd.Logs(ctx, SnapName, 50)
	if err != nil {
		return "" // the sentence is good without it
	}
	for _, line := range slices.Backward(lines) {
		if text := errorIn(line.Message); text != "" {
			return ": " + text
		}
	}
	return ""
}
