package actions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/test/s3test"
)

// withStore relates the unit to who gives credentials for the server.
func (u *unit) withStore(server *s3test.Server) {
	u.juju.Relations[v1alpha1.EndpointStore] = []string{"s3-credentials:9"}
	u.juju.Members["s3-credentials:9"] = []string{"s3/0"}
	u.juju.Bags["s3-credentials:9 s3"] = map[string]string{
		"bucket": "backups", "path": "fleet", "endpoint": server.URL, "region": "us-east-1", "s3-uri-style": "path",
		"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey, "tls-ca-chain": server.CA,
	}
}

// TestTheStoreIsListedBesideTheUnit: the own folder, or another's; what keeps it from being listed is told, and no
// secret of it.
func TestTheStoreIsListedBesideTheUnit(t *testing.T) {
	server := s3test.New(t, "backups")
	server.Write("backups", "fleet/a.db", []byte("xyz"), map[string]string{"Etcd-Cluster-Id": latched, "Etcd-Application": "etcd", "Etcd-Sha256": "ab12"})
	server.Write("backups", "lost/b.db", []byte("xyz"), nil)
	u := newUnit(t)
	u.machine.listed = []snapshot.Listed{{ID: "0.db", Path: "/home/ubuntu/etcd-snapshots/0.db", Size: 20}}
	listed := func(parameters map[string]any) (paths []string) {
		t.Helper()
		clear(u.juju.Results)
		u.given(v1alpha1.ActionListSnapshots, parameters)
		var list []snapshot.Listed
		must(t, json.Unmarshal([]byte(u.juju.Results["snapshots"]), &list))
		for _, l := range list {
			paths = append(paths, l.Path)
		}
		return paths
	}
	if got := strings.Join(listed(map[string]any{}), " "); got != "/home/ubuntu/etcd-snapshots/0.db" {
		t.Errorf("without a store it lists %s", got)
	}
	u.given(v1alpha1.ActionListSnapshots, map[string]any{"from": "lost"})
	u.refused("there is no store")
	u.juju.Failure = ""
	u.withStore(server)
	for from, want := range map[string]string{"": "s3://backups/fleet/a.db", "lost": "s3://backups/lost/b.db"} {
		got := strings.Join(listed(map[string]any{"from": from}), " ")
		if got != "/home/ubuntu/etcd-snapshots/0.db "+want || !strings.Contains(u.juju.Results["output"], "\n\ns3://backups/") {
			t.Errorf("from %q it lists %s\n%s", from, got, u.juju.Results["output"])
		}
	}
	server.Revoke("another")
	got := strings.Join(listed(map[string]any{}), " ")
	if said := u.juju.Results["message"]; got != "/home/ubuntu/etcd-snapshots/0.db" || !strings.Contains(said, "refuses the credentials") || !strings.HasSuffix(u.juju.Results["output"], said) {
		t.Errorf("it lists %s, and says %q", got, said)
	}
	u.given(v1alpha1.ActionListSnapshots, map[string]any{"from": "lost"})
	u.refused("refuses the credentials")
	// The same in a secret, which is to be granted first.
	bag := u.juju.Bags["s3-credentials:9 s3"]
	delete(bag, "access-key")
	delete(bag, "secret-key")
	bag["secret-extra"] = "secret:u3015jcggta3d6k72ljg"
	server.Revoke(s3test.AccessKey)
	if got := strings.Join(listed(map[string]any{}), " "); got != "/home/ubuntu/etcd-snapshots/0.db" || !strings.Contains(u.juju.Results["message"], "must grant it to the relation") {
		t.Errorf("it lists %s, and says %q", got, u.juju.Results["message"])
	}
	bag["secret-extra"] = "--peek"
	if listed(map[string]any{}); !strings.Contains(u.juju.Results["message"], "no name that Juju could have given") {
		t.Errorf("of a secret without a name it says %q", u.juju.Results["message"])
	}
	bag["secret-extra"] = "secret:u3015jcggta3d6k72ljg"
	u.juju.Secrets = map[string]map[string]string{bag["secret-extra"]: {"access-key": s3test.AccessKey, "secret-key": s3test.SecretKey}}
	if got := strings.Join(listed(map[string]any{}), " "); !strings.HasSuffix(got, "s3://backups/fleet/a.db") {
		t.Errorf("with the secret it lists %s", got)
	}
	for _, call := range u.juju.Calls {
		if strings.Contains(call.Line+call.Stdin, s3test.SecretKey) {
			t.Errorf("a secret is in %q", call)
		}
	}
}

// TestASnapshotOfTheStoreIsRestored by its ID: from the own folder, or another's, and nothing of it stays.
func TestASnapshotOfTheStoreIsRestored(t *testing.T) {
	server := s3test.New(t, "backups")
	data, err := os.ReadFile(savedBy(t, false))
	must(t, err)
	server.Write("backups", "fleet/a.db", data, nil)
	server.Write("backups", "lost/b.db", data, nil)
	server.Write("backups", "lost/damaged.db", data[:len(data)-1024], nil)
	u := soleUnit(t)
	u.machine.folder = t.TempDir()
	for want, parameters := range map[string]map[string]any{
		"cannot find \"a.db\" on this unit, and not in a store: there is no store": {"snapshot": "a.db"},
		"is a folder in the store": {"from": "lost"},
	} {
		u.restore(parameters)
		u.refused(want)
		u.juju.Failure = ""
	}
	u.withStore(server)
	for want, parameters := range map[string]map[string]any{
		"there is no such snapshot": {"snapshot": "b.db"},
		"cannot use ":               {"snapshot": "damaged.db", "from": "lost"},
		"name the ID of a snapshot": {"snapshot": "/home/ubuntu/x.db", "from": "lost"},
		"other than the one given":  {"snapshot": "b.db", "from": "lost", "sha256": strings.Repeat("0", 64)},
	} {
		u.restore(parameters)
		if want != "other than the one given" {
			u.refused(want)
		} else if u.juju.Failure == "" {
			t.Error("another SHA-256 than the given one is restored")
		}
		u.juju.Failure = ""
	}
	if len(u.machine.restores) > 0 {
		t.Fatalf("it restores %+v", u.machine.restores)
	}
	for _, parameters := range []map[string]any{{"snapshot": "a.db"}, {"snapshot": "b.db", "from": "lost"}} {
		u.restore(parameters)
		if u.juju.Failure != "" || !strings.HasPrefix(u.juju.Results[v1alpha1.ResultRestoredFrom], parameters["snapshot"].(string)) {
			t.Errorf("%s, %q", u.juju.Failure, u.juju.Results)
		}
	}
	if left, err := filepath.Glob(filepath.Join(u.machine.folder, "*")); err != nil || len(left) > 0 || len(u.machine.restores) != 2 {
		t.Errorf("%d restores, left %q", len(u.machine.restores), left)
	}
}

// TestAnEncryptedSnapshotIsRestoredWithTheUnitsIdentity, from the unit and from the store, and without it nothing is
// touched; no word of the identity is said.
func TestAnEncryptedSnapshotIsRestoredWithTheUnitsIdentity(t *testing.T) {
	identity, err := age.GenerateX25519Identity()
	must(t, err)
	other, err := age.GenerateX25519Identity()
	must(t, err)
	saved, err := os.ReadFile(savedBy(t, false))
	must(t, err)
	const cluster, tick = "00000000000000ff", "20260301T000000Z"
	archive, err := snapshot.TakeScheduled(t.Context(), snapshot.Taking{
		Dir: t.TempDir(), Encrypt: true, Recipients: []string{identity.Recipient().String()}, Progress: func(string) {},
		Send:   func(_ context.Context, to io.Writer) error { _, err := to.Write(saved); return err },
		Origin: snapshot.Origin{Application: "etcd", ClusterID: cluster, Tick: tick},
	}, 0)
	must(t, err)
	data, err := os.ReadFile(archive.Path)
	must(t, err)
	server := s3test.New(t, "backups")
	name := filepath.Base(archive.Path)
	server.Write("backups", "fleet/"+name, data, nil)
	damaged := bytes.Clone(data)
	damaged[len(damaged)-1] ^= 1
	server.Write("backups", "fleet/damaged.age", damaged, nil)
	u := soleUnit(t)
	u.machine.folder = t.TempDir()
	u.machine.identity = filepath.Join(t.TempDir(), "age-identity")
	u.withStore(server)
	asked := []map[string]any{{"snapshot": name}, {"snapshot": archive.Path}}
	for _, c := range []struct {
		words    string
		identity string
		mode     os.FileMode
	}{
		{v1alpha1.IdentityFile + " is not there: put the identity into it", "", 0},
		{"to none of the identities in " + v1alpha1.IdentityFile, other.String(), 0o600},
		{v1alpha1.IdentityFile + " must belong to root", identity.String(), 0o644},
	} {
		if c.mode != 0 {
			_ = os.Remove(u.machine.identity)
			must(t, os.WriteFile(u.machine.identity, []byte(c.identity+"\n"), c.mode))
		}
		for _, parameters := range asked {
			u.restore(parameters)
			u.refused(c.words)
			u.juju.Failure = ""
		}
	}
	_ = os.Remove(u.machine.identity)
	must(t, os.WriteFile(u.machine.identity, []byte(identity.String()+"\n"), 0o600))
	u.restore(map[string]any{"snapshot": "damaged.age"})
	u.refused("it is damaged or cut short")
	u.juju.Failure = ""
	if len(u.machine.restores) > 0 {
		t.Fatalf("it restores %+v", u.machine.restores)
	}
	for i, parameters := range asked {
		u.restore(parameters)
		if u.juju.Failure != "" || len(u.machine.restores) != i+1 || !strings.Contains(u.juju.Results[v1alpha1.ResultRestoredFrom], "of application etcd, cluster "+cluster) {
			t.Errorf("%s, %q", u.juju.Failure, u.juju.Results)
		}
	}
	for _, call := range u.juju.Calls {
		if text := call.Line + call.Stdin; strings.Contains(text, identity.String()[20:]) || strings.Contains(text, other.String()[20:]) {
			t.Errorf("an identity is in %q", call)
		}
	}
}
