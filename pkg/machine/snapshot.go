package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/snapshot"
)

// Snapshots are where a person's snapshots are taken to.
type Snapshots struct {
	// Dir is an absolute path of the machine.
	Dir string
	// Origin has what only the charm knows: the application, the model's name, the unit.
	Origin snapshot.Origin
	// Progress is told what happens now.
	Progress func(string)
}

// TakeSnapshot has the best member send its database: the unit's own if it serves and does not lag,
// else the voter that lags least; where none serves, since the quorum is lost, the one of those that
// answer which has applied most, and then behind says so.
func (m *Machine) TakeSnapshot(ctx context.Context, s Snapshots) (a snapshot.Archive, behind string, err error) {
	own, view, err := m.Health(ctx)
	if err != nil {
		return snapshot.Archive{}, "", err
	}
	source, at := etcdops.SnapshotSource(view, own.MemberID)
	if at.Endpoint == "" {
		if source, at = furthest(view); at.Endpoint == "" {
			return snapshot.Archive{}, "", fmt.Errorf("cannot take a snapshot: no member answers (%s)", own.Reason())
		}
		behind = "no member serves, so the cluster has lost its quorum: this is what " + source.Name +
			" has applied, and the last writes that clients were told of may be missing"
	}
	taking, done, err := m.taking(s, source, at)
	if err != nil {
		return snapshot.Archive{}, "", err
	}
	defer done()
	taking.Origin.ClusterID = view.ClusterID.String()
	a, err = snapshot.Take(ctx, taking)
	a.Path = filepath.Join(s.Dir, filepath.Base(a.Path))
	return a, behind, err
}

// taking is a snapshot that a member is to send. The caller calls done when it has.
func (m *Machine) taking(s Snapshots, source etcdops.Member, at etcdops.EndpointHealth) (t snapshot.Taking, done func(), err error) {
	dir, owner, err := m.snapshotFolder(s.Dir)
	if err != nil {
		return snapshot.Taking{}, nil, err
	}
	cluster, err := m.connect()
	if err != nil {
		return snapshot.Taking{}, nil, err
	}
	s.Origin.ModelUUID, s.Origin.Member, s.Origin.EtcdVersion, s.Origin.Time = m.o.ModelUUID, source.Name, at.Version, m.o.Now().UTC()
	var hash func(context.Context, int64) *snapshot.Hash
	if s.Origin.Tick != "" { // a restore drill compares it, of a snapshot of the schedule
		hash = hashOf(m.log, cluster, at.Endpoint)
	}
	return snapshot.Taking{
		Hash: hash,
		Dir:  dir, Size: at.DBSize, Revision: at.Revision, Origin: s.Origin, Progress: s.Progress,
		Own: owner,
		Send: func(ctx context.Context, to io.Writer) error {
			return cluster.Snapshot(ctx, at.Endpoint, to)
		},
	}, cluster.Close, nil
}

// furthest is the member that has applied most of those that answer.
func furthest(v etcdops.View) (etcdops.Member, etcdops.EndpointHealth) {
	var best etcdops.Member
	var at etcdops.EndpointHealth
	for _, m := range v.Voters() {
		h := v.HealthOf(m)
		if h.Answered && h.Fault != etcdops.FaultOtherID && (at.Endpoint == "" || h.AppliedIndex > at.AppliedIndex) {
			best, at = m, h
		}
	}
	return best, at
}

// snapshotFolder makes the folder, if it is not there, for whom juju scp logs in as, and says how a
// file in it is given to that user.
func (m *Machine) snapshotFolder(dir string) (string, func(*os.File) error, error) {
	if !filepath.IsAbs(dir) {
		return "", nil, fmt.Errorf("cannot take a snapshot into %q: it must be an absolute path", dir)
	}
	owner, err := m.loginUser()
	if err != nil {
		return "", nil, fmt.Errorf("cannot take a snapshot into %s: %w", dir, err)
	}
	own := func(f *os.File) error {
		if owner == nil {
			return nil
		}
		return f.Chown(owner.UID, owner.GID)
	}
	path := m.path(dir)
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return "", nil, fmt.Errorf("cannot take a snapshot into %s: it is no folder", dir)
	case err == nil:
		return path, own, nil
	case !errors.Is(err, os.ErrNotExist):
		return "", nil, fmt.Errorf("cannot take a snapshot: %w", err)
	}
	if err := m.disk.MkdirAll(path, 0o700); err != nil {
		return "", nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", nil, fmt.Errorf("cannot take a snapshot: %w", err)
	}
	defer f.Close()
	if err := own(f); err != nil {
		return "", nil, fmt.Errorf("cannot take a snapshot: %w", err)
	}
	return path, own, nil
}

// ListSnapshots lists what is in a folder of the machine, and inspects it if it is asked to verify, with the
// unit's identity if it is encrypted.
func (m *Machine) ListSnapshots(ctx context.Context, dir string, verify bool) ([]snapshot.Listed, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("cannot list the snapshots in %q: it must be an absolute path", dir)
	}
	list, err := snapshot.List(ctx, m.path(dir), verify, Identity(m))
	for i := range list {
		list[i].Path = filepath.Join(dir, list[i].ID)
	}
	return list, err
}

// DefaultSnapshots is where snapshots are, if nobody says otherwise.
const DefaultSnapshots = v1alpha1.LoginHome + "/etcd-snapshots"
