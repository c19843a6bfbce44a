package actions_test

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/pkg/snapshot"
)

// given runs an action with parameters.
func (u *unit) given(name string, parameters map[string]any) {
	u.t.Helper()
	u.juju.Parameters = parameters
	u.do(name, "")
}

// TestTheResultsOfASnapshotAreThoseThatScriptsRead.
func TestTheResultsOfASnapshotAreThoseThatScriptsRead(t *testing.T) {
	u := newUnit(t)
	const path = "/home/ubuntu/etcd-snapshots/etcd-snapshot-2026-03-01-02.03.04.tar.gz"
	u.machine.taken = snapshot.Archive{
		Path: path, Size: 69000, SHA256: "ab12", Database: snapshot.Database{Revision: 7, Keys: 3},
		Origin: &snapshot.Origin{EtcdVersion: "3.6.16", Member: "etcd0", ClusterID: latched},
	}
	u.given(v1alpha1.ActionSnapshot, map[string]any{})
	want := map[string]string{
		"snapshot.path": path, "snapshot.size": "68K", "snapshot.sha256": "ab12",
		"snapshot.version": "etcdctl version: 3.6.16\nAPI version: 3.6", "copy.cmd": "juju scp etcd/0:" + path + " .",
		"snapshot.revision": "7", "snapshot.keys": "3", "snapshot.member": "etcd0", "snapshot.cluster-id": latched,
	}
	if !maps.Equal(u.juju.Results, want) || u.juju.Failure != "" {
		t.Errorf("results %q, failure %q", u.juju.Results, u.juju.Failure)
	}
	if asked := u.machine.takings[0]; asked.Dir != "/home/ubuntu/etcd-snapshots" || asked.Origin.Unit != "etcd/0" || asked.Origin.Application != "etcd" {
		t.Errorf("asked for %+v", asked)
	}
	u.machine.behind = "no member serves"
	u.given(v1alpha1.ActionSnapshot, map[string]any{"target": "/srv", "keys-version": "v3"})
	if u.machine.takings[1].Dir != "/srv" || u.juju.Results["message"] != "no member serves" {
		t.Errorf("asked for %+v, results %q", u.machine.takings[1], u.juju.Results)
	}
	u.machine.broken = errors.New("cannot take a snapshot: the disk is full")
	u.given(v1alpha1.ActionSnapshot, map[string]any{})
	u.refused("cannot take a snapshot: the disk is full")
}

// TestASnapshotOfTheV2Keys: it has no revision, and why there is none is the machine's word.
func TestASnapshotOfTheV2Keys(t *testing.T) {
	u := newUnit(t)
	for _, keys := range []string{"v1", "V3"} {
		u.given(v1alpha1.ActionSnapshot, map[string]any{"keys-version": keys})
		u.refused("keys-version must be either v2 or v3")
	}
	if len(u.machine.takings) > 0 {
		t.Errorf("asked for %+v", u.machine.takings)
	}
	u = newUnit(t)
	u.machine.taken = snapshot.Archive{Path: "/srv/a.tar.gz", Size: 69000, SHA256: "ab12", Form: snapshot.FormV2,
		Origin: &snapshot.Origin{EtcdVersion: "3.5.35", Member: "etcd0", ClusterID: latched}}
	u.given(v1alpha1.ActionSnapshot, map[string]any{"keys-version": "v2", "target": "/srv"})
	want := map[string]string{
		"snapshot.path": "/srv/a.tar.gz", "snapshot.size": "68K", "snapshot.sha256": "ab12",
		"snapshot.version": "etcdctl version: 3.5.35\nAPI version: 3.5", "copy.cmd": "juju scp etcd/0:/srv/a.tar.gz .",
		"snapshot.member": "etcd0", "snapshot.cluster-id": latched,
	}
	if !maps.Equal(u.juju.Results, want) || u.juju.Failure != "" || u.machine.takings[0].Dir != "/srv" || u.machine.takenV2 != 1 {
		t.Errorf("results %q, failure %q", u.juju.Results, u.juju.Failure)
	}
	u.machine.broken = errors.New("etcd 3.6.16 has none")
	u.given(v1alpha1.ActionSnapshot, map[string]any{"keys-version": "v2"})
	u.refused("etcd 3.6.16 has none")
}

// TestSnapshotsAreListedForPeopleAndForPrograms, and as many as a result holds.
func TestSnapshotsAreListedForPeopleAndForPrograms(t *testing.T) {
	u := newUnit(t)
	u.given(v1alpha1.ActionListSnapshots, map[string]any{})
	if got := u.juju.Results; got["output"] != "no snapshots in /home/ubuntu/etcd-snapshots" || got["snapshots"] != "[]" {
		t.Errorf("results %q", got)
	}
	at := time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC)
	u.machine.listed = []snapshot.Listed{
		{ID: "b.tar.gz", Time: at, Size: 69000, SHA256: "ab12", Verified: true, Revision: 7, EtcdVersion: "3.6.16",
			Origin: &snapshot.Origin{Application: "etcd", ClusterID: latched}},
		{ID: "a.db", Time: at, Size: 20, SHA256: "cd34", Encrypted: true},
		{ID: "2.tar.gz", Time: at, Size: 20, SHA256: "ef56", KeysVersion: snapshot.KeysV2},
		{ID: "0.db", Time: at, Size: 20, Fault: "cannot use 0.db: it is cut short"},
		{ID: "c.age", Time: at, Size: 20, SHA256: "ef56", Encrypted: true, Verified: true, Decrypted: true},
		{ID: "d.age", Time: at, Size: 20, SHA256: "ef56", Encrypted: true, Verified: true, Unopened: "it is encrypted, and X is not there"},
		{ID: "e.age", Time: at, Size: 20, SHA256: "ef56", Encrypted: true, Verified: true, Unopened: "it is encrypted, and X is not there"},
		{ID: "f.age", Time: at, Size: 20, SHA256: "ef56", Encrypted: true, Unopened: "it is encrypted, and to none"},
	}
	u.given(v1alpha1.ActionListSnapshots, map[string]any{"target": "/srv", "verify": true})
	for _, line := range []string{
		"b.tar.gz  2026-03-01T02:03:04Z  68K   7         3.6.16  yes            no         etcd, cluster 0000000000000007  ab12",
		"a.db      2026-03-01T02:03:04Z  20    ?         ?       no             yes        unknown ", "DAMAGED", "\ncannot use 0.db: it is cut short",
		"2.tar.gz  2026-03-01T02:03:04Z  20    v2 keys ",
		"c.age     2026-03-01T02:03:04Z  20    ?         ?       decrypted      yes ", "e.age     2026-03-01T02:03:04Z  20    ?         ?       SHA-256 alone  yes ",
		"f.age     2026-03-01T02:03:04Z  20    ?         ?       UNREADABLE     yes ", "\nUNREADABLE: it is encrypted, and to none", "\nOf SHA-256 alone: it is encrypted, and X is not there",
	} {
		if strings.Count(u.juju.Results["output"], line) != 1 {
			t.Errorf("the table lacks %q:\n%s", line, u.juju.Results["output"])
		}
	}
	var list []snapshot.Listed
	if err := json.Unmarshal([]byte(u.juju.Results["snapshots"]), &list); err != nil || len(list) != 8 || list[0].Origin.ClusterID != latched {
		t.Errorf("results %q, %v", u.juju.Results["snapshots"], err)
	}
	if want := []string{"/home/ubuntu/etcd-snapshots false", "/srv true"}; strings.Join(u.machine.looked, ";") != strings.Join(want, ";") {
		t.Errorf("it looked at %q", u.machine.looked)
	}
	for range 10 {
		u.machine.listed = append(u.machine.listed, u.machine.listed...)
	}
	u.given(v1alpha1.ActionListSnapshots, map[string]any{})
	if n := len(u.juju.Results["snapshots"]); n > hooktool.MaxResult || n < hooktool.MaxResult/2 || !strings.HasSuffix(u.juju.Results["output"], " older ones are left out here") {
		t.Errorf("a result of %d bytes", n)
	}
	u.machine.broken = errors.New("cannot list the snapshots: no")
	u.given(v1alpha1.ActionListSnapshots, map[string]any{})
	u.refused("cannot list the snapshots: no")
}
