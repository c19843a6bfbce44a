package actions_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/actions"
	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/test/etcdtest"
)

var (
	savedOnce     sync.Once
	plain, authed []byte
)

// savedBy is what a real server's snapshot RPC sends, without and with authentication.
func savedBy(t *testing.T, auth bool) string {
	t.Helper()
	savedOnce.Do(func() {
		cluster := etcdtest.Start(t, etcdtest.Options{})
		client := cluster.Client()
		save := func(client *clientv3.Client) []byte {
			stream, err := client.Snapshot(t.Context())
			must(t, err)
			defer stream.Close()
			all, err := io.ReadAll(stream)
			must(t, err)
			return all
		}
		_, err := client.Put(t.Context(), "key", "value")
		must(t, err)
		plain = save(client)
		_, err = client.UserAdd(t.Context(), "root", "secret")
		must(t, err)
		_, err = client.UserGrantRole(t.Context(), "root", "root")
		must(t, err)
		_, err = client.AuthEnable(t.Context())
		must(t, err)
		root, err := clientv3.New(clientv3.Config{Endpoints: cluster.Endpoints(), TLS: cluster.TLS(), Username: "root", Password: "secret"})
		must(t, err)
		defer root.Close()
		authed = save(root)
	})
	path := filepath.Join(t.TempDir(), "saved.db")
	data := plain
	if auth {
		data = authed
	}
	must(t, os.WriteFile(path, data, 0o600))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// soleUnit is the only one of its application, whose machine restores to this.
func soleUnit(t *testing.T) *unit {
	u := newUnit(t)
	u.juju.Leader = true
	u.juju.Members["cluster:0"] = nil
	u.machine.facts.Member = v1alpha1.MemberFacts{Present: true, ClusterID: "00000000000000d1", MemberID: "00000000000000e1"}
	u.machine.restored = machine.Restored{From: latched, Latched: latched, To: "00000000000000d1", Member: "00000000000000e1", Name: "etcd0",
		PeerURL: "https://10.0.0.4:2380", Token: "token-restored-11", Aside: "/var/snap/etcd/common/data.aside-1"}
	return u
}

func (u *unit) restore(parameters map[string]any) {
	u.t.Helper()
	u.juju.Parameters = parameters
	u.do(v1alpha1.ActionRestore, "")
}

// TestARestoreIsLatchedWithTheMembersFacts: both are in one commit, and the archive's origin in the
// results.
func TestARestoreIsLatchedWithTheMembersFacts(t *testing.T) {
	u := soleUnit(t)
	u.restore(map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false)})
	if u.juju.Failure != "" {
		t.Fatal(u.juju.Failure)
	}
	bag := u.juju.Bags["cluster:0 etcd"]
	latch, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil || latch.ClusterID != "00000000000000d1" || latch.Token() != "token-restored-11" || len(latch.Seeds.Members) != 1 {
		t.Errorf("the latch is %+v, %v", latch, err)
	}
	var facts v1alpha1.UnitFacts
	must(t, json.Unmarshal([]byte(u.juju.Bags["cluster:0 etcd/0"][v1alpha1.FactsKey]), &facts))
	if facts.Member != u.machine.facts.Member || facts.Protocol != v1alpha1.Protocol {
		t.Errorf("the facts are %+v", facts)
	}
	asked := u.machine.restores[0]
	if asked.Task != 11 || asked.Token != "token-restored-11" || asked.Target != "" {
		t.Errorf("the machine was asked for %+v", asked)
	}
	if r := u.juju.Results; r[v1alpha1.ResultRestoredCluster] != "00000000000000d1" || !strings.Contains(r[v1alpha1.ResultRestoredFrom], "revision 2") ||
		r[v1alpha1.ResultReplacedData] == "" || !strings.Contains(r[v1alpha1.ResultOutput], "API servers") {
		t.Errorf("the results are %v", r)
	}
	// Once more gets another token, of the same length.
	u.restore(map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false), v1alpha1.ParameterSkipBackup: false})
	if again := u.machine.restores[1]; again.Token != "token-restored-12" || again.Target != v1alpha1.LoginHome {
		t.Errorf("the second time the machine was asked for %+v", again)
	}
}

// TestARestoreTakesThePlaceOfTheClusterThatWasThere: what has come into the latch since is not
// replaced.
func TestARestoreTakesThePlaceOfTheClusterThatWasThere(t *testing.T) {
	const later = "00000000000000ff"
	u := soleUnit(t)
	u.latch(v1alpha1.LatchClusterIDKey, later)
	if _, err := actions.FollowRestore(t.Context(), u.dispatch(v1alpha1.ActionRestore), u.machine.restored); err == nil || !strings.Contains(err.Error(), later) {
		t.Errorf("another cluster in the latch: %v", err)
	}
	if now := u.juju.Bags["cluster:0 etcd"][v1alpha1.LatchClusterIDKey]; now != later {
		t.Errorf("it was replaced by %s", now)
	}
}

func TestARestoreThatCannotBeTouchesNothing(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		change     func(u *unit, parameters map[string]any)
	}{
		{"not the leader", "This action can only be run on the leader unit", func(u *unit, _ map[string]any) { u.juju.Leader = false }},
		{"other units with a quorum", "other units (etcd/1): to have all of them stopped, and to give up what they have for the archive, run it with replace=" + latched,
			func(u *unit, _ map[string]any) { u.beside() }},
		{"another cluster's ID", "is not the ID of this application's cluster", func(u *unit, p map[string]any) {
			u.beside()
			p[v1alpha1.ParameterReplace] = "00000000000000ee"
		}},
		{"a backup with other units", "no backup is packed", func(u *unit, p map[string]any) {
			u.beside()
			p[v1alpha1.ParameterReplace], p[v1alpha1.ParameterSkipBackup] = latched, false
		}},
		{"another request that waits", "has not been seen to yet", func(u *unit, p map[string]any) {
			u.beside()
			u.publish(&v1alpha1.Request{Task: 3, Kind: v1alpha1.ActionRestart})
			p[v1alpha1.ParameterReplace] = latched
		}},
		{"no cluster", "no cluster yet", func(u *unit, _ map[string]any) { u.latch(v1alpha1.LatchClusterIDKey, "") }},
		{"a cluster that ends", "ends", func(u *unit, _ map[string]any) { u.ended() }},
		{"a procedure", "CA rotation is under way", func(u *unit, _ map[string]any) {
			u.latchJSON(v1alpha1.LatchJournalKey, []v1alpha1.JournalEntry{{Procedure: "CA rotation", ID: "9", Phase: "trust both"}})
		}},
		{"a latch that cannot be read", "seeds", func(u *unit, _ map[string]any) { u.latch(v1alpha1.LatchSeedsKey, "{") }},
		{"a journal that cannot be read", "journal", func(u *unit, _ map[string]any) { u.latch(v1alpha1.LatchJournalKey, "{[") }},
		{"nothing published", "nothing of itself", func(u *unit, _ map[string]any) { u.juju.Bags["cluster:0 etcd/0"] = nil }},
		{"no archive", "Missing snapshot. Attach one (juju attach-resource etcd snapshot=FILE)", func(_ *unit, p map[string]any) {
			delete(p, v1alpha1.ParameterSnapshot)
		}},
		{"another sha256", "sha256", func(_ *unit, p map[string]any) { p[v1alpha1.ParameterSHA256] = strings.Repeat("0", 64) }},
		{"a file that is not there", "no such file", func(_ *unit, p map[string]any) { p[v1alpha1.ParameterSnapshot] = "/nowhere/x" }},
		{"a word for auth", "auth may only be disable", func(_ *unit, p map[string]any) { p[v1alpha1.ParameterAuth] = "off" }},
		{"authentication", "auth=disable", func(_ *unit, p map[string]any) { p[v1alpha1.ParameterSnapshot] = savedBy(t, true) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			u := soleUnit(t)
			parameters := map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false)}
			tt.change(u, parameters)
			before := maps.Clone(u.juju.Bags["cluster:0 etcd"])
			u.restore(parameters)
			if !strings.Contains(u.juju.Failure, tt.want) {
				t.Errorf("it fails with %q, want %q", u.juju.Failure, tt.want)
			}
			if len(u.machine.restores) > 0 || len(u.machine.staged) > 0 || !maps.Equal(before, u.juju.Bags["cluster:0 etcd"]) {
				t.Errorf("the machine was asked %v, the latch is %v", u.machine.restores, u.juju.Bags["cluster:0 etcd"])
			}
		})
	}
	t.Run("authentication that is to be turned off", func(t *testing.T) {
		u := soleUnit(t)
		u.restore(map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, true), v1alpha1.ParameterAuth: "disable"})
		if u.juju.Failure != "" || len(u.machine.restores) != 1 {
			t.Errorf("it fails with %q", u.juju.Failure)
		}
	})
	t.Run("a machine that fails", func(t *testing.T) {
		u := soleUnit(t)
		u.machine.fault = errors.New("cannot restore: the disk is full")
		before := maps.Clone(u.juju.Bags["cluster:0 etcd"])
		u.restore(map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false)})
		if u.juju.Failure != "cannot restore: the disk is full" || !maps.Equal(before, u.juju.Bags["cluster:0 etcd"]) {
			t.Errorf("it fails with %q; the latch is %v", u.juju.Failure, u.juju.Bags["cluster:0 etcd"])
		}
	})
}

// beside lets the application have another unit, and a quorum.
func (u *unit) beside() {
	u.juju.Members["cluster:0"] = []string{"etcd/1"}
	u.machine.view = etcdops.View{Listed: true}
}

// TestARestoreBesideOthersIsAskedFor: the data is made ready, and the request is published with it,
// on any unit.
func TestARestoreBesideOthersIsAskedFor(t *testing.T) {
	for name, do := range map[string]func(u *unit, parameters map[string]any){
		"with a quorum, which is named": func(_ *unit, p map[string]any) { p[v1alpha1.ParameterReplace] = latched },
		"without one":                   func(u *unit, _ map[string]any) { u.machine.view = etcdops.View{} },
		"on a unit that does not lead": func(u *unit, p map[string]any) {
			u.juju.Leader = false
			p[v1alpha1.ParameterReplace] = latched
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := soleUnit(t)
			u.beside()
			parameters := map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false)}
			do(u, parameters)
			before := maps.Clone(u.juju.Bags["cluster:0 etcd"])
			u.restore(parameters)
			if u.juju.Failure != "" || len(u.machine.restores) > 0 || len(u.machine.staged) != 1 {
				t.Fatalf("it fails with %q; staged %v", u.juju.Failure, u.machine.staged)
			}
			var facts v1alpha1.UnitFacts
			must(t, json.Unmarshal([]byte(u.juju.Bags["cluster:0 etcd/0"][v1alpha1.FactsKey]), &facts))
			if r := facts.Request; r == nil || r.Kind != v1alpha1.ActionRestore || facts.Restore == nil || facts.Restore.ID != strconv.FormatInt(r.Task, 10) {
				t.Errorf("published %+v, %+v", facts.Request, facts.Restore)
			}
			if !maps.Equal(before, u.juju.Bags["cluster:0 etcd"]) {
				t.Errorf("the latch is %v", u.juju.Bags["cluster:0 etcd"])
			}
			if !strings.Contains(fmt.Sprint(u.juju.Results), "controller was asked") {
				t.Errorf("the results are %v", u.juju.Results)
			}
		})
	}
}

// TestARestoreWhoseProgramDiesIsTakenUp by its action, which is still there: it goes on, or says that
// it went back. What was only to be made ready is the controller's, and one beside another is refused.
func TestARestoreWhoseProgramDiesIsTakenUp(t *testing.T) {
	died := func(actions.RestoreOrder) (actions.RestoreOutcome, error) {
		return actions.RestoreOutcome{}, fmt.Errorf("cannot wait for it: %w", detached.ErrDied)
	}
	parameters := map[string]any{v1alpha1.ParameterSnapshot: "/home/ubuntu/saved.db"}
	u := soleUnit(t)
	u.works = died
	u.restore(parameters)
	if r := u.juju.Results; u.juju.Failure != "" || u.machine.resumed != 1 || r[v1alpha1.ResultRestoredCluster] != "00000000000000d1" ||
		r[v1alpha1.ResultRestoredFrom] != "/home/ubuntu/saved.db" {
		t.Errorf("it went on: %q, %v, taken up %d times", u.juju.Failure, r, u.machine.resumed)
	}
	if latch := u.juju.Bags["cluster:0 etcd"][v1alpha1.LatchClusterIDKey]; latch != "00000000000000d1" {
		t.Errorf("latched is %s", latch)
	}
	u = soleUnit(t)
	u.works, u.machine.restored = died, machine.Restored{}
	u.restore(parameters)
	if !strings.Contains(u.juju.Failure, "the data that was here is in its place") || u.juju.Bags["cluster:0 etcd"][v1alpha1.LatchClusterIDKey] != latched {
		t.Errorf("it went back: %q", u.juju.Failure)
	}
	u = soleUnit(t)
	u.works = func(actions.RestoreOrder) (actions.RestoreOutcome, error) {
		return actions.RestoreOutcome{}, fmt.Errorf("cannot begin it: %w", detached.ErrRuns)
	}
	u.restore(parameters)
	if !strings.Contains(u.juju.Failure, "still running") || u.machine.resumed != 0 {
		t.Errorf("beside another: %q, taken up %d times", u.juju.Failure, u.machine.resumed)
	}
	u = soleUnit(t)
	u.juju.Members["cluster:0"] = []string{"etcd/1"}
	u.juju.Parameters = map[string]any{v1alpha1.ParameterSnapshot: "/home/ubuntu/saved.db", v1alpha1.ParameterReplace: latched}
	u.works = died
	if err := actions.Do(t.Context(), u.dispatch(v1alpha1.ActionRestore), &u.machine, u.work); !errors.Is(err, detached.ErrDied) || u.machine.resumed != 0 {
		t.Errorf("beside others: %v, taken up %d times", err, u.machine.resumed)
	}
}
