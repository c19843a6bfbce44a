package machine_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/etcd/etcdbin"
	"jujuetcd.io/test/etcdtest"
)

// etcdctl2 runs the etcdctl of 3.4 with the v2 API.
func etcdctl2(t *testing.T, args ...string) string { return etcdctlOf(t, "3.4", args...) }

func etcdctlOf(t *testing.T, minor string, args ...string) string {
	t.Helper()
	bin, err := etcdbin.Dir(t.Context(), minor)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "etcdctl"), args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("etcdctl %q: %v: %s", args, err, out)
	}
	return string(out)
}

// v2Flags are those of etcdctl for a cluster, with the client's files of a folder.
func v2Flags(dir, endpoint string) []string {
	return []string{"--endpoints", endpoint, "--ca-file", filepath.Join(dir, "ca.crt"), "--cert-file", filepath.Join(dir, "client.crt"),
		"--key-file", filepath.Join(dir, "client.key")}
}

// v2Archive is what the charm before made of a cluster with v2 keys.
func v2Archive(t *testing.T, minor string) snapshot.Archive {
	t.Helper()
	c := etcdtest.Start(t, etcdtest.Options{Minor: minor, Args: []string{"--enable-v2", "--snapshot-count=3"}})
	dir := t.TempDir()
	leaf := c.CA.Issue(t, "client")
	for name, data := range map[string][]byte{"ca.crt": c.CA.PEM, "client.crt": leaf.CertPEM, "client.key": leaf.KeyPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := v2Flags(dir, c.Endpoints()[0])
	ctl := func(args ...string) { etcdctl2(t, append(files, args...)...) }
	ctl("set", "/app/colour", "blue")
	ctl("mkdir", "/app/empty")
	ctl("set", "/app/lock", "held", "--ttl", "3600")
	ctl("set", "/top", "1")
	backup, path := filepath.Join(dir, "backup"), filepath.Join(dir, "v2.tar.gz")
	etcdctlOf(t, minor, "backup", "--data-dir", c.Members[0].DataDir, "--backup-dir", backup)
	if out, err := exec.CommandContext(t.Context(), "tar", "czf", path, "-C", backup, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	a, err := snapshot.Inspect(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// asOfEtcd2 is the archive without the database, which etcd 2 has not.
func asOfEtcd2(t *testing.T, a snapshot.Archive) snapshot.Archive {
	t.Helper()
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "of2.tar.gz")
	if err := a.Unpack(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if snaps, err := filepath.Glob(filepath.Join(dir, "member/snap/*.snap")); err != nil || len(snaps) == 0 {
		t.Fatalf("it has no snapshot of v2 keys: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "member/snap/db")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "tar", "czf", path, "-C", dir, ".").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	of2, err := snapshot.Inspect(t.Context(), path, "")
	if err != nil {
		t.Fatal(err)
	}
	return of2
}

// TestV2KeysOfARealEtcd: they are added to what is there, by an agent that is killed on the way, too; a snapshot of them has them again;
// and the v3 keys stay. A v3 archive that takes the cluster's place ends the v2 API.
func TestV2KeysOfARealEtcd(t *testing.T) {
	for minor, address := range map[string]string{"3.4": "127.83.9.21", "3.5": "127.83.9.22"} {
		t.Run(minor, func(t *testing.T) { addsV2Keys(t, minor, address) })
	}
}

func addsV2Keys(t *testing.T, minor, address string) {
	archive := v2Archive(t, minor)
	if minor == "3.5" {
		archive = asOfEtcd2(t, archive)
	}
	host, agent := simulatedWith(t, minor, address)
	spec, s := alone(t, address)
	spec.Snap.Channel = minor + "/stable"
	apply := func() {
		t.Helper()
		s.Action++
		if status := agent.Apply(t.Context(), &spec, s); status.Outcome != v1alpha1.OutcomeApplied {
			t.Fatalf("%+v", status)
		}
	}
	apply()
	spec.Service.State = v1alpha1.ServiceRunning
	spec.Etcd.Initial = &v1alpha1.InitialCluster{Token: "tok", State: v1alpha1.InitialNew,
		Members: []v1alpha1.NamedMember{{Name: "etcd0", PeerURL: "https://" + address + ":2380"}}}
	apply()
	spec.Etcd.Initial = nil
	endpoint := spec.Etcd.AdvertiseClientURLs[0]
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Put(ctx, "v3", "kept")
		return err
	})
	if _, err := agent.TakeV2Snapshot(t.Context(), snapshots("/srv")); err == nil || !strings.Contains(err.Error(), "members run without the v2 API here") {
		t.Errorf("a snapshot without the API: %v", err)
	}
	restore := func(ctx context.Context, others bool) (machine.RestoredV2, error) {
		return agent.RestoreV2(ctx, machine.RestoreV2{Task: 7, Archive: archive, Others: others, Progress: func(what string) { t.Log(what) }})
	}
	if _, err := restore(t.Context(), true); err == nil || !strings.Contains(err.Error(), "on an application of one unit, and add units then") {
		t.Errorf("beside other units: %v", err)
	}
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		added, err := c.MemberAddAsLearner(ctx, []string{"https://127.83.9.29:2380"})
		if err != nil {
			return err
		}
		if _, err := restore(ctx, false); err == nil || !strings.Contains(err.Error(), "has other members than this unit's") {
			t.Errorf("beside another member: %v", err)
		}
		_, err = c.MemberRemove(ctx, added.Member.ID)
		return err
	})
	files := v2Flags(filepath.Join(host.Root(), "var/snap/etcd/common"), endpoint)
	// An agent dies when the archive was read, and when etcd was restarted. It leaves a lock, which v3EndsV2 would have to wait for.
	var deaths []string
	if minor == "3.4" {
		deaths = []string{"asked the restored etcd", "snap restart etcd"}
	}
	for _, at := range deaths {
		ctx, die := context.WithCancel(t.Context())
		agent.OnEffect(func(what string) {
			if what == at {
				die()
			}
		})
		if _, err := restore(ctx, false); err == nil {
			t.Errorf("it has not died at %q", at)
		}
		die()
	}
	if keys, err := agent.UnlatchedV2(); err != nil || keys != nil {
		t.Errorf("before any was written there are v2 keys: %+v, %v", keys, err)
	}
	agent.OnEffect(func(string) {})
	etcdtest.Eventually(t, time.Minute, "what was killed is run again", func(ctx context.Context) bool {
		_, err := restore(ctx, false) // etcd may be starting still
		return err == nil
	})
	if keys, err := agent.UnlatchedV2(); err != nil || keys == nil || keys.Task != 7 || keys.Cluster == "" {
		t.Errorf("nothing tells of the keys but an action that may not come to its end: %+v, %v", keys, err)
	}
	for range 2 {
		done, err := restore(t.Context(), false)
		if err != nil || done.Keys != 3 || done.Directories != 2 {
			t.Fatalf("%+v, %v", done, err)
		}
	}
	has := func(text string, all ...string) {
		t.Helper()
		for _, one := range all {
			if !strings.Contains(text, one) {
				t.Errorf("it lacks %q:\n%s", one, text)
			}
		}
	}
	has(etcdctl2(t, append(files, "ls", "-r", "-p")...), "/app/colour\n", "/app/empty/\n", "/app/lock\n", "/top\n")
	has(etcdctl2(t, append(files, "-o", "extended", "get", "/app/lock")...), "TTL: 3", "held")
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		got, err := c.Get(ctx, "v3")
		if err == nil && len(got.Kvs) != 1 {
			err = errors.New("the v3 key is gone")
		}
		return err
	})
	if _, err := os.Lstat(agent.DrillDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its folder is left: %v", err)
	}
	etcdctl2(t, append(files, "set", "/later", "2")...)
	taken, err := agent.TakeV2Snapshot(t.Context(), snapshots("/srv"))
	if err != nil || taken.Form != snapshot.FormV2 || taken.Origin.ClusterID == "" {
		t.Fatalf("%+v, %v", taken, err)
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(agent.DrillDir()), "v2-backup")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("its private folder is left: %v", err)
	}
	etcdctl2(t, append(files, "rm", "-r", "/app")...)
	etcdctl2(t, append(files, "rm", "/later")...)
	taken.Path = agent.Path(taken.Path)
	archive = taken
	if done, err := restore(t.Context(), false); err != nil || done.Keys != 4 {
		t.Fatalf("%+v, %v", done, err)
	}
	has(etcdctl2(t, append(files, "ls", "-r", "-p")...), "/app/colour\n", "/later\n")
	if len(deaths) == 0 {
		v3EndsV2(t, agent, host.Root(), endpoint)
	}
}

// v3EndsV2: a v3 archive takes the cluster's place without v2 keys, and its member does not serve the API.
func v3EndsV2(t *testing.T, agent *machine.Machine, root, endpoint string) {
	t.Helper()
	conf := func() string {
		text, err := os.ReadFile(filepath.Join(root, "var/snap/etcd/common/etcd.conf.yml"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if !strings.Contains(conf(), "enable-v2: true") {
		t.Errorf("before it has\n%s", conf())
	}
	a, _, err := agent.TakeSnapshot(t.Context(), snapshots("/srv3"))
	if err != nil {
		t.Fatal(err)
	}
	a.Path = agent.Path(a.Path)
	order := machine.Restore{Task: 9, Token: "tok-restored-9", Progress: func(string) {}}
	order.Prepare = func(context.Context, string, machine.SoleMember) error { return errors.New("not now") }
	if _, err := agent.Restore(t.Context(), order); err == nil || !strings.Contains(conf(), "enable-v2") {
		t.Errorf("a restore that fails: %v", err)
	}
	order.Prepare = func(ctx context.Context, dir string, m machine.SoleMember) error {
		return a.Restore(ctx, dir, snapshot.NewCluster{Name: m.Name, PeerURL: m.PeerURL, Token: m.Token, After: m.Before})
	}
	ctx, die := context.WithCancel(t.Context())
	agent.OnEffect(func(what string) {
		if what == "snap start --enable etcd" {
			die()
		}
	})
	_, err = agent.Restore(ctx, order)
	agent.OnEffect(func(string) {})
	if err == nil || !strings.Contains(conf(), "enable-v2") {
		t.Errorf("a restore that is taken back: %v", err)
	}
	// Its lock ends with its lease, which is not waited for.
	withClient(t, agent, endpoint, func(ctx context.Context, c *clientv3.Client) error {
		_, err := c.Delete(ctx, etcdops.LockKey)
		return err
	})
	if _, err := agent.Restore(t.Context(), order); err != nil || strings.Contains(conf(), "enable-v2") {
		t.Errorf("%v, after it has\n%s", err, conf())
	}
}

// TestV2KeysAreNothingFor36: the refusal says what to do.
func TestV2KeysAreNothingFor36(t *testing.T) {
	w, _ := running(t)
	_, err := w.machine().RestoreV2(t.Context(), machine.RestoreV2{Progress: func(string) {}})
	if err == nil || !strings.Contains(err.Error(), "the v2 API ended with 3.5; deploy an application with channel=3.5/stable") {
		t.Errorf("a restore: %v", err)
	}
	if _, err := w.machine().TakeV2Snapshot(t.Context(), snapshots("/srv")); err == nil || !strings.Contains(err.Error(), "the v2 API ended with 3.5; leave keys-version at v3") {
		t.Errorf("a snapshot: %v", err)
	}
}
