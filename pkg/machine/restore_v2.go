package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/snapshot"
)

// RestoreV2 is what a restore of v2 keys needs besides the machine.
type RestoreV2 struct {
	// Task is Juju's number of the action that asks for it.
	Task    int64
	Archive snapshot.Archive
	// Others says that the application has other units: their members must serve the v2 API already.
	Others bool
	// Progress is told what is done next.
	Progress func(what string)
}

// RestoredV2 is what was added.
type RestoredV2 struct {
	Keys, Directories int
	// ClusterID is that of the cluster, which is the one that was there before.
	ClusterID string
}

// v2Keys is a member as clients of the v2 API see it.
func v2Keys(transport *http.Transport, base string) (keys etcdops.V2, done func()) {
	return etcdops.V2{Client: &http.Client{Transport: transport}, Base: base}, transport.CloseIdleConnections
}

// RestoreV2 adds the keys of a v2 archive to what the unit's cluster has:
//
//  1. the archive is unpacked into a private folder, and the unit's own etcd, which nobody else reaches,
//     reads its keys: an archive that cannot be read costs nothing;
//  2. the unit's member, which must be the only one, is restarted with the v2 API, if it has not served it;
//  3. that it is to have v2 keys is recorded, so that a hook latches it where the action does not come to
//     its end: etcd 3.6 does not start on them;
//  4. the keys are written by that API, and read back.
//
// Nothing is taken away, so that who is killed on the way does it again.
func (m *Machine) RestoreV2(ctx context.Context, r RestoreV2) (RestoredV2, error) {
	fail := func(err error) (RestoredV2, error) {
		return RestoredV2{}, fmt.Errorf("cannot restore v2 keys: %w", err)
	}
	if _, err := m.hasV2(ctx); err != nil {
		return fail(fmt.Errorf("%w; deploy an application with channel=3.5/stable or older, and restore them there", err))
	}
	a, err := m.beginRestore(ctx)
	if err != nil {
		return RestoredV2{}, err
	}
	if before := a.record.Restore; before != nil && !before.Done {
		return fail(fmt.Errorf("the restore of task %d is not over; juju status tells what it waits for", before.Task))
	}
	if !a.data.Present {
		return fail(errors.New("this unit has no member yet; run it again when juju status shows it active"))
	}
	m.disk.Did = a.wrote
	defer func() { m.disk.Did = nil }()
	serves, err := a.servesV2(ctx)
	if err != nil {
		return fail(err)
	}
	if r.Others && !a.spec.Etcd.EnableV2 {
		return fail(errors.New("members run without the v2 API, and there are other units: restore them on an application of one unit, and add units then"))
	}
	if !serves && !r.Others {
		lock, err := a.alone(ctx)
		switch {
		case err != nil:
			return RestoredV2{}, err
		case !lock:
			return fail(errors.New("etcd does not serve; run it again when juju status shows it healthy"))
		}
	}
	r.Progress("reading the keys of the archive with an etcd of its own")
	keys, err := m.readV2(ctx, r.Archive)
	if err != nil {
		return fail(err)
	}
	if !serves && !r.Others {
		r.Progress("restarting etcd with the v2 API")
		if err := a.enableV2(ctx); err != nil {
			return fail(err)
		}
	}
	out := RestoredV2{ClusterID: a.data.Cluster.String()}
	for _, k := range keys {
		if k.Dir {
			out.Directories++
		} else {
			out.Keys++
		}
	}
	r.Progress(fmt.Sprintf("writing %d keys and %d directories", out.Keys, out.Directories))
	config, err := m.tls.ClientConfig()
	if err != nil {
		return fail(err)
	}
	a.record.V2 = &record.V2{Task: r.Task, Cluster: out.ClusterID}
	if err := m.remember(&a.record); err != nil {
		return fail(err)
	}
	own, done := v2Keys(&http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: keptConnections}, ownURL(a.record))
	defer done()
	if err := own.Add(ctx, keys, m.o.Now); err != nil {
		return fail(err)
	}
	return out, nil
}

// UnlatchedV2 are v2 keys that a restore has written, or was about to, and of which the latch may not tell yet;
// nil for none.
func (m *Machine) UnlatchedV2() (*record.V2, error) {
	r, err := m.load()
	return r.V2, err
}

// ForgetV2 is called when the latch tells of them, or of another cluster.
func (m *Machine) ForgetV2() error {
	r, err := m.load()
	if err != nil || r.V2 == nil {
		return err
	}
	r.V2 = nil
	return m.remember(&r)
}

// keptConnections is how many keys may be written at a time without a handshake for each.
const keptConnections = 64

// servesV2 says that the process that runs was started with the v2 API: the unit may have been told to serve it, and have died before
// etcd was.
func (a *application) servesV2(ctx context.Context) (bool, error) {
	state, err := a.m.unit.State(ctx)
	if err != nil {
		return false, err
	}
	a.process(state)
	return a.spec.Etcd.EnableV2 && state.Running() && a.record.Process.Read.Config == a.spec.ReadAtStart().Config, nil
}

// enableV2 restarts the sole member with the v2 API. It is the unit's from then on; the latch follows at the
// action's end, in one commit with the facts, and has the controller want it, too.
func (a *application) enableV2(ctx context.Context) error {
	a.spec.Etcd.EnableV2 = true
	if err := a.m.remember(&a.record); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{a.configure, a.dropIns} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	err := a.restartIf(ctx, func(v etcdops.View) error {
		if !v.Listed || len(v.Members) != 1 || v.Members[0].ID != a.data.Member {
			return errors.New("cannot restart etcd: the unit's member is not the only one of its cluster, or does not serve")
		}
		return nil
	})
	if e, is := errors.AsType[*early](err); is && e.outcome == v1alpha1.OutcomeInProgress {
		return a.startAgain(ctx) // a large database takes long to load
	}
	return err
}

// readV2 is what a v2 archive has of keys, as an etcd reads them that was started with it as the charm before did.
func (m *Machine) readV2(ctx context.Context, archive snapshot.Archive) (keys []etcdops.V2Key, err error) {
	if err := m.ClearDrill(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.ClearDrill()) }()
	if err := m.roomForDrill(archive.DatabaseSize); err != nil {
		return nil, err
	}
	dir := filepath.Join(m.drillDir(), drillHome, drillData)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	if err := archive.Unpack(ctx, dir); err != nil {
		return nil, err
	}
	if err := snapshot.CompleteV2(dir); err != nil {
		return nil, err
	}
	err = m.whileDrilling(ctx, []string{"--force-new-cluster", "--enable-v2"}, func(ctx context.Context, dial dialer) error {
		restored, done := v2Keys(&http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}, "http://drill")
		defer done()
		keys, err = restored.ReadOnce(ctx)
		return err
	})
	return keys, err
}
