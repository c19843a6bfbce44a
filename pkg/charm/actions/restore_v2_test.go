package actions_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/snapshot"
)

// v2Archive is known for one by its log.
func v2Archive(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	must(t, w.WriteHeader(&tar.Header{Name: "./member/wal/0.wal", Typeflag: tar.TypeReg, Mode: 0o600, Size: 3}))
	_, err := w.Write([]byte("log"))
	must(t, errors.Join(err, w.Close(), z.Close()))
	path := filepath.Join(t.TempDir(), "v2.tar.gz")
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

// servingV2 has the latch say that the cluster serves the v2 API.
func (u *unit) servingV2() {
	u.latchJSON(v1alpha1.LatchStampsKey, map[string]int64{v1alpha1.StampV2(latched): 5})
}

func (u *unit) v2Latched() bool {
	latch, err := v1alpha1.LatchFromDatabag(u.juju.Bags["cluster:0 etcd"])
	must(u.t, err)
	return latch.V2() && latch.ClusterID == latched
}

// TestV2KeysAreAddedAndLatched: the cluster stays what it is, and its members serve the v2 API from then on; again, nothing changes.
func TestV2KeysAreAddedAndLatched(t *testing.T) {
	u := soleUnit(t)
	for range 2 {
		u.restore(map[string]any{v1alpha1.ParameterSnapshot: v2Archive(t)})
		if u.juju.Failure != "" || !u.v2Latched() {
			t.Fatalf("it fails with %q; the latch is %v", u.juju.Failure, u.juju.Bags["cluster:0 etcd"])
		}
		r := u.juju.Results
		if r[v1alpha1.ResultRestoredCluster] != latched || !strings.Contains(r[v1alpha1.ResultRestoredFrom], "v2 keys") ||
			!strings.Contains(r[v1alpha1.ResultOutput], "3 v2 keys and 2 directories are added") || !strings.Contains(r[v1alpha1.ResultOutput], "it cannot have a channel of 3.6") {
			t.Errorf("the results are %v", r)
		}
	}
	if len(u.machine.restores) > 0 || len(u.machine.added) != 2 || u.machine.added[0].Archive.Form != snapshot.FormV2 || u.machine.added[0].Others {
		t.Errorf("the machine was asked for %+v, %+v", u.machine.restores, u.machine.added)
	}
	u.beside()
	u.restore(map[string]any{v1alpha1.ParameterSnapshot: v2Archive(t)})
	if u.juju.Failure != "" || !u.machine.added[2].Others {
		t.Errorf("beside others that serve it: %q", u.juju.Failure)
	}
}

// TestV2KeysThatAreNotAdded: the latch stays as it was.
func TestV2KeysThatAreNotAdded(t *testing.T) {
	for _, tt := range []struct {
		words      string
		parameters map[string]any
		do         func(*unit)
		asked      int
	}{
		{"no backup is packed (skip-backup=false)", map[string]any{v1alpha1.ParameterSkipBackup: false}, func(*unit) {}, 0},
		{"etcd 3.6 has none", map[string]any{}, func(u *unit) { u.machine.fault = errors.New("etcd 3.6 has none") }, 1},
		{"there are other units", map[string]any{v1alpha1.ParameterReplace: latched}, (*unit).beside, 1},
	} {
		u := soleUnit(t)
		tt.do(u)
		if tt.words == "there are other units" {
			u.machine.fault = errors.New("there are other units") // which the machine says
		}
		before := maps.Clone(u.juju.Bags["cluster:0 etcd"])
		tt.parameters[v1alpha1.ParameterSnapshot] = v2Archive(t)
		u.restore(tt.parameters)
		if !strings.Contains(u.juju.Failure, tt.words) || len(u.machine.added) != tt.asked || !maps.Equal(before, u.juju.Bags["cluster:0 etcd"]) {
			t.Errorf("%q; asked for %v", u.juju.Failure, u.machine.added)
		}
	}
}

// TestAV3ArchiveDoesNotTakeV2KeysAway unasked; named, the cluster is another one, and its members do not serve the v2 API.
func TestAV3ArchiveDoesNotTakeV2KeysAway(t *testing.T) {
	for _, beside := range []bool{false, true} {
		u := soleUnit(t)
		u.servingV2()
		if beside {
			u.beside()
		}
		u.restore(map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false)})
		if !strings.Contains(u.juju.Failure, "restore the v3 archive first") || len(u.machine.restores)+len(u.machine.staged) > 0 {
			t.Errorf("beside others %v: %q", beside, u.juju.Failure)
		}
		parameters := map[string]any{v1alpha1.ParameterSnapshot: savedBy(t, false), v1alpha1.ParameterReplace: latched}
		if beside {
			parameters[v1alpha1.ParameterSkipBackup] = false
			u.restore(parameters)
			if !strings.Contains(u.juju.Failure, "with other units no backup is packed") {
				t.Errorf("a backup: %q", u.juju.Failure)
			}
			delete(parameters, v1alpha1.ParameterSkipBackup)
		}
		u.restore(parameters)
		if u.juju.Failure != "" || len(u.machine.restores)+len(u.machine.staged) != 1 || u.v2Latched() != beside {
			t.Errorf("named, beside others %v: %q", beside, u.juju.Failure)
		}
	}
}
