package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/etcdconf"
	"jujuetcd.io/pkg/printable"
	"jujuetcd.io/pkg/snapshot"
)

const (
	// etcdctlProgram is the unit's own etcdctl, in the revision of the snap that is in use.
	etcdctlProgram = "/snap/" + SnapName + "/current/bin/etcdctl"
	// backupDir is the folder in the unit's own, for root alone, that etcdctl writes a backup to.
	backupDir = "v2-backup"
)

// TakeV2Snapshot has the snap's etcdctl back up the v2 keys of the unit's member, as the charm before
// did. It reads the member's files beside it, and asks it nothing.
func (m *Machine) TakeV2Snapshot(ctx context.Context, s Snapshots) (snapshot.Archive, error) {
	fail := func(err error) (snapshot.Archive, error) {
		return snapshot.Archive{}, fmt.Errorf("cannot take a snapshot of the v2 keys: %w", err)
	}
	t, version, err := m.servesV2(ctx)
	if err != nil {
		return fail(err)
	}
	dir, owner, err := m.snapshotFolder(s.Dir)
	if err != nil {
		return snapshot.Archive{}, err
	}
	size, err := sizeOf(m.path(filepath.Join(t.data.Dir, "member")))
	if err != nil {
		return fail(err)
	}
	private := filepath.Join(m.stateDir(), backupDir)
	// What an agent has left that died.
	if err := errors.Join(os.RemoveAll(private), m.disk.MkdirAll(private, 0o700)); err != nil {
		return fail(err)
	}
	defer func() { _ = os.RemoveAll(private) }() // the next one removes what is left
	if err := errors.Join(snapshot.Free(private, size), snapshot.Free(dir, size)); err != nil {
		return fail(err)
	}
	s.Progress("backing up " + t.data.Dir)
	backup := filepath.Join(private, "data")
	if err := m.backUpV2(ctx, m.path(t.data.Dir), backup); err != nil {
		return fail(err)
	}
	s.Origin.ModelUUID, s.Origin.Member, s.Origin.EtcdVersion, s.Origin.Time = m.o.ModelUUID, t.record.Spec.Etcd.Name, version.String(), m.o.Now().UTC()
	s.Origin.ClusterID = t.data.Cluster.String()
	a, err := snapshot.TakeV2(ctx, snapshot.Taking{Dir: dir, Origin: s.Origin, Progress: s.Progress, Own: owner}, backup)
	a.Path = filepath.Join(s.Dir, filepath.Base(a.Path))
	return a, err
}

// servesV2 is an error unless the unit's member serves the v2 API, which etcd has up to 3.5.
func (m *Machine) servesV2(ctx context.Context) (tenancy, etcdconf.Version, error) {
	t, err := m.tenancy(ctx)
	switch {
	case err != nil:
		return t, etcdconf.Version{}, err
	case t.taken != nil:
		return t, etcdconf.Version{}, errors.New(Occupied(t.taken, m.o.ModelUUID))
	}
	version, err := m.hasV2(ctx)
	switch {
	case err != nil:
		return t, version, fmt.Errorf("%w; leave keys-version at v3", err)
	case t.record.Spec == nil || !t.data.Present || !t.record.Spec.Etcd.EnableV2:
		return t, version, errors.New("members run without the v2 API here, so there are none but those of former times; " +
			"to have them, run ETCDCTL_API=2 etcdctl backup --data-dir DATA --backup-dir DIR on a unit, and pack DIR with tar czf")
	}
	return t, version, nil
}

// hasV2 is an error unless the etcd that is installed has the v2 API.
func (m *Machine) hasV2(ctx context.Context) (etcdconf.Version, error) {
	snap, err := m.snapd.Snap(ctx, SnapName)
	if err != nil {
		return etcdconf.Version{}, err
	}
	if snap == nil {
		return etcdconf.Version{}, errors.New("the snap etcd is not installed")
	}
	version, err := etcdconf.ParseVersion(snap.Version)
	if err == nil && version.Minor > v1alpha1.LastMinorV2 {
		err = fmt.Errorf("etcd %s has none, the v2 API ended with 3.5", version)
	}
	return version, err
}

// backUpV2 runs etcdctl backup. It reads what only root and etcd may read.
func (m *Machine) backUpV2(ctx context.Context, from, to string) error {
	cmd := exec.CommandContext(ctx, m.path(etcdctlProgram), "backup", "--data-dir", from, "--backup-dir", to)
	cmd.Env = []string{"ETCDCTL_API=2", "HOME=" + filepath.Dir(to)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		lines := bytes.Split(bytes.TrimSpace(said.Bytes()), []byte("\n"))
		return fmt.Errorf("etcdctl backup fails: %w (%s)", err, printable.Line(string(lines[len(lines)-1]), printable.Reason))
	}
	return nil
}

// sizeOf is how much a folder's files have.
func sizeOf(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // etcd removes what it needs no more
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	return size, err
}
