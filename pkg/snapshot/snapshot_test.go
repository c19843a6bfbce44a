package snapshot_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	etcdutl "go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.uber.org/zap"

	"jujuetcd.io/pkg/snapshot"
)

var minors = []string{"3.5", "3.6", "3.7"}

// TestEveryFormTellsWhatIsInIt, of what each minor writes, and as etcdutl's own library does.
func TestEveryFormTellsWhatIsInIt(t *testing.T) {
	for _, minor := range minors {
		data := realData(t, minor)
		database := data.saved[:len(data.saved)-32]
		for _, c := range []struct {
			name   string
			data   []byte
			form   snapshot.Form
			digest string
		}{
			{"saved", data.saved, snapshot.FormSaved, snapshot.DigestTrailer},
			{"sent, without its trailer", database, snapshot.FormBare, snapshot.DigestNone},
			{"the member's file", data.bare, snapshot.FormBare, snapshot.DigestNone},
			{"the old charm's", tarGz(t, entry{name: "./db", data: data.bare}), snapshot.FormTarGz, snapshot.DigestGzip},
			{"packed by hand", tarGz(t, entry{name: "db", data: data.saved}), snapshot.FormTarGz, snapshot.DigestTrailer},
		} {
			t.Run(minor+" "+c.name, func(t *testing.T) {
				a := inspect(t, file(t, "x", c.data))
				if a.Form != c.form || a.Digest != c.digest || a.Size != int64(len(c.data)) || a.Origin != nil {
					t.Errorf("it is %+v", a)
				}
				plain := filepath.Join(t.TempDir(), "plain")
				if err := a.Extract(t.Context(), plain); err != nil {
					t.Fatal(err)
				}
				status, err := etcdutl.NewV3(zap.NewNop()).Status(plain)
				if err != nil {
					t.Fatal(err)
				}
				if a.Revision != status.Revision || a.Revision != data.revision || a.Keys != int64(status.TotalKey) || a.Keys != data.keys || a.Hash != status.Hash {
					t.Errorf("it is %+v, and etcdutl says %+v", a, status)
				}
				if a.Auth || !strings.HasPrefix(a.Version, minor) || !slices.Equal(a.Members, []string{"etcd0"}) {
					t.Errorf("it is %+v", a)
				}
			})
		}
	}
}

// TestWhatIsExtractedIsWhatEtcdctlSaves: etcd's own tools restore it without being told to pass over
// its hash, whatever form it came in.
func TestWhatIsExtractedIsWhatEtcdctlSaves(t *testing.T) {
	data := realData(t, "3.6")
	for _, c := range []struct {
		name string
		data []byte
		same bool
	}{
		{"saved", data.saved, true},
		{"bare", data.bare, false},
		{"tar.gz", tarGz(t, entry{name: "./db", data: data.bare}), false},
		{"tar.gz with a trailer", tarGz(t, entry{name: "./db", data: data.saved}), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "plain")
			if err := inspect(t, file(t, "x", c.data)).Extract(t.Context(), to); err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			if c.same && !bytes.Equal(got, data.saved) {
				t.Error("it is not what was saved")
			}
			if info, err := os.Stat(to); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("its mode is %v, %v", info.Mode(), err)
			}
			tool(t, "3.6", "etcdutl", "snapshot", "restore", to, "--data-dir", filepath.Join(t.TempDir(), "restored"))
		})
	}
}

// TestOursIsReadByPlainTarAndEtcdutl, and holds what was recorded of it.
func TestOursIsReadByPlainTarAndEtcdutl(t *testing.T) {
	for _, minor := range minors {
		data := realData(t, minor)
		origin := snapshot.Origin{
			Application: "etcd", Model: "prod", ClusterID: "00000000000000ff", Member: "etcd0", Unit: "etcd/0",
			Time: time.Date(2026, 3, 1, 2, 3, 4, 0, time.UTC), EtcdVersion: minor + ".0",
		}
		to := filepath.Join(t.TempDir(), "ours.tar.gz")
		packed, err := inspect(t, file(t, "x", data.saved)).Pack(t.Context(), origin, to)
		if err != nil {
			t.Fatal(err)
		}
		seen := inspect(t, to)
		if got, want := asJSON(t, seen), asJSON(t, packed); got != want {
			t.Errorf("what was packed is\n%s\nand should be\n%s", got, want)
		}
		if seen.Origin == nil || seen.Origin.Application != "etcd" || seen.Origin.Revision != data.revision || seen.Digest != snapshot.DigestStored {
			t.Errorf("it is %+v", seen)
		}
		dir := t.TempDir()
		run(t, t.Context(), "tar", "xzf", to, "-C", dir)
		names := strings.Fields(run(t, t.Context(), "tar", "tzf", to))
		if !slices.Equal(names, []string{"./", "./origin.json", "./db"}) {
			t.Errorf("it holds %q", names)
		}
		db := filepath.Join(dir, "db")
		tool(t, minor, "etcdutl", "snapshot", "status", db)
		for i, skip := range [][]string{{}, {"--skip-hash-check"}} { // the charm before this one did the latter
			args := append([]string{"snapshot", "restore", db, "--data-dir", filepath.Join(dir, "restored"+string(rune('a'+i)))}, skip...)
			tool(t, minor, "etcdutl", args...)
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
