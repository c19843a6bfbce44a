//go:build integration

package integration

import (
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/rig"
	"jujuetcd.io/test/s3test"
)

// storing is a policy with a schedule, and a folder in the store of whom the application is related to.
const storing = "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  snapshots:\n    schedule: '@yearly'\n    store: {prefix: lost/etcd}\n"

// TestASnapshotOfTheStoreOutlivesItsCluster: related to who gives credentials, the schedule's snapshot is stored, shown by
// Juju's verbs and a condition; and when the cluster is lost it is restored from the store on a fresh unit, which is told
// the folder's name. The secret is nowhere but in the relation.
func TestASnapshotOfTheStoreOutlivesItsCluster(t *testing.T) {
	server := s3test.New(t, "backups")
	w := begin(t)
	policies := t.TempDir()
	w.daemon("--config-dir", policies)
	w.deploy("1")
	w.juju("deploy", filepath.Join(w.Root, "dist/s3.charm"), "--config", "endpoint="+server.URL, "--config", "bucket=backups", "--config", "access-key="+s3test.AccessKey,
		"--config", "secret-key="+s3test.SecretKey, "--config", "tls-ca-chain="+base64.StdEncoding.EncodeToString([]byte(server.CA)))
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	_, err = client.Put(w.ctx, "kept", "old")
	must(t, err)
	server.Write("backups", "lost/etcd/etcd-snapshot-of-a-person.tar.gz", []byte("x"), nil)
	w.juju("integrate", "etcd:s3-credentials", "s3:s3-credentials")
	w.eventually(t, "the unit has credentials", func() bool {
		return strings.Contains(w.nested(t, "etcd/0", "list-snapshots")["output"], "no snapshots in s3://backups/etcd-snapshots")
	})
	must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), []byte(storing), 0o600))
	w.awaitSchedule("the snapshot of the schedule is stored", func(c v1alpha1.EtcdCluster) bool { return c.Status.Snapshots.Stored != nil })
	last := w.cluster(w.Socket()).Status.Snapshots.Stored
	if said := w.showsCondition(t, v1alpha1.ConditionSnapshots, metav1.ConditionTrue, ""); !strings.Contains(said, "in the store "+last.Stored) {
		t.Errorf("the condition says %q", said)
	}
	if got, want := strings.Join(server.Objects("backups"), " "), "lost/etcd/"+filepath.Base(last.Path)+" lost/etcd/etcd-snapshot-of-a-person.tar.gz"; got != want {
		t.Errorf("the store has %s, want %s", got, want)
	}
	if stored := w.storedSnapshot(t, "etcd/0"); stored.Path != last.Stored || stored.SHA256 != last.SHA256 || !stored.Verified {
		t.Errorf("it lists %+v, want %+v", stored, last)
	}

	// Another application knows nothing of it but the folder's name.
	w.juju("remove-application", "etcd", "--no-prompt")
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "fresh")
	w.juju("integrate", "fresh", "easyrsa")
	w.juju("integrate", "fresh", "s3")
	w.await(rig.Healthy("fresh", 1))
	found := w.storedSnapshot(t, "fresh/0", "from=lost/etcd")
	if found.SHA256 != last.SHA256 || found.Origin.Application != "etcd" || found.Revision != last.Revision {
		t.Errorf("it finds %+v, want %+v", found, last)
	}
	if got := w.nested(t, "fresh/0", "restore", "snapshot="+found.ID, "from=lost/etcd"); !strings.Contains(got["restored.from"], "of application etcd, cluster "+found.Origin.ClusterID) {
		t.Errorf("the results are %q", got)
	}
	w.await(rig.Healthy("fresh", 1))
	credentials, err := w.Credentials(w.ctx, "fresh")
	must(t, err)
	config, err = credentials.TLS()
	must(t, err)
	status, err := w.Status(w.ctx)
	must(t, err)
	restored, err := rig.Connect(config, status.Endpoints("fresh")...)
	must(t, err)
	defer restored.Close()
	got, err := restored.Get(w.ctx, "kept")
	must(t, err)
	if len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "old" {
		t.Errorf("kept is %v", got.Kvs)
	}
	w.nowhere(t, "fresh", s3test.SecretKey)
}

// storedSnapshot is the one of the schedule that the unit lists in the store.
func (w *world) storedSnapshot(t *testing.T, unit string, parameters ...string) snapshot.Listed {
	t.Helper()
	var all []snapshot.Listed
	must(t, json.Unmarshal([]byte(w.nested(t, unit, "list-snapshots", append(parameters, "verify=true")...)["snapshots"]), &all))
	i := slices.IndexFunc(all, func(l snapshot.Listed) bool {
		return strings.HasPrefix(l.Path, "s3://backups/lost/etcd/etcd-scheduled-")
	})
	if i < 0 {
		t.Fatalf("it lists %+v", all)
	}
	return all[i]
}

// nowhere says that a secret is in no log, no task, no peer databag and no file of the application's agents.
func (w *world) nowhere(t *testing.T, application, secret string) {
	t.Helper()
	for what, text := range map[string]string{
		"the daemon's log": w.Log("jujuetcd"), "debug-log": w.juju("debug-log", "--no-tail", "--replay", "--level", "TRACE"),
		"operations": w.juju("operations", "--format", "json"),
	} {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in %s", what)
		}
	}
	units, app, err := w.api.Databags(w.ctx, application)
	must(t, err)
	units["the latch"] = app
	for name, bag := range units {
		for key, value := range bag {
			if strings.Contains(value, secret) {
				t.Errorf("the secret is in the peer databag of %s, key %s", name, key)
			}
		}
	}
	root := filepath.Join(w.MachineRoot(machineOf(t, w, application+"/0")), v1alpha1.AgentDir)
	must(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), secret) {
			t.Errorf("the secret is in %s", path)
		}
		return err
	}))
}
