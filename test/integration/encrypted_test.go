//go:build integration

package integration

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/rig"
	"jujuetcd.io/test/s3test"
)

// encrypting is a policy whose snapshots are encrypted and stored. Where it has a minute, what is in the store was to be tried
// last so many minutes ago: a later one is due at once.
func encrypting(recipient string, drilledBefore int) []byte {
	text := "apiVersion: jujuetcd.io/v1alpha1\nkind: EtcdCluster\nmetadata:\n  name: etcd\nspec:\n  snapshots:\n    schedule: '@yearly'\n" +
		"    store: {prefix: lost/etcd}\n    encryption: {recipients: [" + recipient + "]}\n"
	if drilledBefore > 0 {
		at := time.Now().UTC().Add(-time.Duration(drilledBefore) * time.Minute)
		text += fmt.Sprintf("    drill: '%d %d * * *'\n    drillFrom: store\n", at.Minute(), at.Hour())
	}
	return []byte(text)
}

// TestWhatIsEncryptedIsOfUseToWhoHasTheIdentity: what a schedule takes is encrypted on the unit and in the store; it is listed
// without an identity, and tried and restored with it, on a fresh unit, too. A drill tells of an identity that is not there, and of
// an object that is damaged; without the identity nothing is restored, and nothing touched.
func TestWhatIsEncryptedIsOfUseToWhoHasTheIdentity(t *testing.T) {
	server := s3test.New(t, "backups")
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	w := begin(t)
	policies := t.TempDir()
	applies := func(drilledBefore int) {
		t.Helper()
		must(t, os.WriteFile(filepath.Join(policies, "etcd.yaml"), encrypting(identity.Recipient().String(), drilledBefore), 0o600))
	}
	applies(0)
	w.daemon("--config-dir", policies)
	w.deploy("1")
	w.juju("deploy", filepath.Join(w.Root, "dist/s3.charm"), "--config", "endpoint="+server.URL, "--config", "bucket=backups", "--config", "access-key="+s3test.AccessKey,
		"--config", "secret-key="+s3test.SecretKey, "--config", "tls-ca-chain="+base64.StdEncoding.EncodeToString([]byte(server.CA)))
	w.juju("integrate", "etcd:s3-credentials", "s3:s3-credentials")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.serving()
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	_, err = client.Put(w.ctx, "kept", "old")
	_ = client.Close()
	must(t, err)
	w.awaitSchedule("the snapshot of the schedule is stored", func(c v1alpha1.EtcdCluster) bool { return c.Status.Snapshots.Stored != nil })
	stored := w.cluster(w.Socket()).Status.Snapshots.Stored
	id, object := filepath.Base(stored.Path), strings.TrimPrefix(stored.Stored, "s3://backups/")
	whole := server.Read("backups", object)
	onUnit, err := os.ReadFile(filepath.Join(w.MachineRoot(machineOf(t, w, "etcd/0")), machine.DefaultSnapshots, id))
	must(t, err)
	if !strings.HasSuffix(id, snapshot.SealedSuffix) || !bytes.HasPrefix(whole, []byte("age-encryption.org/v1\n")) || !bytes.Equal(onUnit, whole) {
		t.Fatalf("%s is not encrypted in the store, or is another one on the unit", object)
	}
	w.listsEncrypted(t, id, false)

	// What cannot be opened is a drill that fails.
	applies(40)
	w.awaitDrill(t, metav1.ConditionFalse, "from the store has failed", v1alpha1.IdentityFile+" is not there")
	w.hasIdentity(t, "etcd/0", identity)
	applies(30)
	w.awaitDrill(t, metav1.ConditionTrue, "From the store, "+stored.Stored+" was restored on etcd/0 for a trial")
	w.listsEncrypted(t, id, true)
	damaged := bytes.Clone(whole)
	damaged[len(damaged)/2] ^= 1
	server.Write("backups", object, damaged, nil)
	applies(20)
	w.awaitDrill(t, metav1.ConditionFalse, "from the store has failed: etcd/0: cannot", stored.Stored)
	server.Write("backups", object, whole, nil)

	// A fresh unit restores it, once it has the identity.
	w.juju("remove-application", "etcd", "--no-prompt")
	w.juju("deploy", filepath.Join(w.Root, "dist/etcd.charm"), "fresh")
	w.juju("integrate", "fresh", "easyrsa")
	w.juju("integrate", "fresh", "s3")
	w.await(rig.Healthy("fresh", 1))
	kept := func() string {
		t.Helper()
		credentials, err := w.Credentials(w.ctx, "fresh")
		must(t, err)
		config, err := credentials.TLS()
		must(t, err)
		status, err := w.Status(w.ctx)
		must(t, err)
		client, err := rig.Connect(config, status.Endpoints("fresh")...)
		must(t, err)
		defer client.Close()
		got, err := client.Get(w.ctx, "kept")
		must(t, err)
		if len(got.Kvs) == 0 {
			_, err = client.Put(w.ctx, "kept", "fresh")
			must(t, err)
			return ""
		}
		return string(got.Kvs[0].Value)
	}
	_ = kept()
	if said := w.failure(t, "fresh/0", "restore", "snapshot="+id, "from=lost/etcd"); !strings.Contains(said, v1alpha1.IdentityFile+" is not there") {
		t.Errorf("without an identity it says %q", said)
	}
	if value := kept(); value != "fresh" {
		t.Errorf("what could not be restored has left %q", value)
	}
	w.hasIdentity(t, "fresh/0", identity)
	w.nested(t, "fresh/0", "restore", "snapshot="+id, "from=lost/etcd")
	w.await(rig.Healthy("fresh", 1))
	if value := kept(); value != "old" {
		t.Errorf("restored it has %q", value)
	}
	w.nowhere(t, "fresh", identity.String()[len("AGE-SECRET-KEY-1"):])
}

// hasIdentity puts an identity on a unit, as a person does.
func (w *world) hasIdentity(t *testing.T, unit string, identity *age.X25519Identity) {
	t.Helper()
	path := filepath.Join(w.MachineRoot(machineOf(t, w, unit)), v1alpha1.IdentityFile)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(identity.String()+"\n"), 0o600))
}

// listsEncrypted says that the unit and the store have the snapshot, verified, and whether it was decrypted for that.
func (w *world) listsEncrypted(t *testing.T, id string, decrypted bool) {
	t.Helper()
	var all []snapshot.Listed
	must(t, json.Unmarshal([]byte(w.nested(t, "etcd/0", "list-snapshots", "verify=true")["snapshots"]), &all))
	for _, l := range all {
		if l.ID != id || !l.Encrypted || !l.Verified || l.Decrypted != decrypted || (l.Unopened != "") == decrypted || l.Origin == nil || l.Origin.Application != "etcd" {
			t.Errorf("it lists %+v", l)
		}
	}
	if len(all) != 2 {
		t.Errorf("it lists %+v", all)
	}
}

// awaitDrill waits for what is told of the last drill.
func (w *world) awaitDrill(t *testing.T, status metav1.ConditionStatus, words ...string) {
	t.Helper()
	w.awaitSchedule("the drill is told of", func(c v1alpha1.EtcdCluster) bool {
		i := slices.IndexFunc(c.Status.Conditions, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionDrill })
		if i < 0 || c.Status.Conditions[i].Status != status {
			return false
		}
		for _, word := range words {
			if !strings.Contains(c.Status.Conditions[i].Message, word) {
				return false
			}
		}
		return true
	})
}
