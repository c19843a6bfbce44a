package snapshot_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"jujuetcd.io/pkg/snapshot"
)

const tick = "20260301T000000Z"

// pair is a key pair of age: its public key, and the file with the private one.
func pair(t *testing.T) (recipient string, identity snapshot.Identity) {
	t.Helper()
	made, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	text := "# created: 2026-03-01T00:00:00Z\n# public key: " + made.Recipient().String() + "\n" + made.String() + "\n"
	return made.Recipient().String(), snapshot.Identity{Path: file(t, "age-identity", []byte(text)), Name: "/etc/jujuetcd/age-identity"}
}

// sealing is one of a schedule that is encrypted.
func sealing(t *testing.T, data sample, recipients ...string) snapshot.Taking {
	x := taking(t, data)
	x.Origin.ClusterID, x.Origin.Tick = thisCluster, tick
	x.Encrypt, x.Recipients = true, recipients
	return x
}

// sealed takes one.
func sealed(t *testing.T, data sample, recipients ...string) snapshot.Archive {
	t.Helper()
	a, err := snapshot.TakeScheduled(t.Context(), sealing(t, data, recipients...), 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestWhatIsEncryptedIsRestored by who has the identity of any of its recipients, as what was sent.
func TestWhatIsEncryptedIsRestored(t *testing.T) {
	data := realData(t, "3.6")
	first, one := pair(t)
	second, two := pair(t)
	a := sealed(t, data, first, second)
	if !a.Encrypted || filepath.Base(a.Path) != snapshot.ScheduledName(thisCluster, tick, 0)+".age" {
		t.Errorf("%+v", a)
	}
	run(t, t.Context(), "sh", "-c", "cd "+filepath.Dir(a.Path)+" && sha256sum -c *.sha256")
	for _, identity := range []snapshot.Identity{one, two} {
		p, err := snapshot.Prove(t.Context(), a.Path, a.SHA256, t.TempDir(), identity)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		if p.Form != snapshot.FormTarGz || !p.Encrypted || p.Keys != data.keys || p.Revision != data.revision || p.SHA256 != a.SHA256 || p.Origin.DatabaseSHA256 == "" {
			t.Errorf("%+v", p.Archive)
		}
		dir := filepath.Join(t.TempDir(), "data")
		if err := p.Restore(t.Context(), dir, snapshot.NewCluster{Name: "etcd0", PeerURL: "http://127.0.0.1:1", Token: "t", SameRevision: true}); err != nil {
			t.Fatal(err)
		}
		restored := inspect(t, filepath.Join(dir, "member/snap/db"))
		if restored.Keys != data.keys || restored.Revision != data.revision {
			t.Errorf("restored it has %d keys and revision %d, want %d and %d", restored.Keys, restored.Revision, data.keys, data.revision)
		}
		// Only what was proven is restored, and nothing is read of it in another way.
		if err := p.Extract(t.Context(), filepath.Join(t.TempDir(), "db")); err == nil || !strings.Contains(err.Error(), "it is encrypted") {
			t.Errorf("%v", err)
		}
	}
}

// TestWhatIsEncryptedIsNowhereInTheClear: no file with a name has a byte of it, whenever its agent is stopped.
func TestWhatIsEncryptedIsNowhereInTheClear(t *testing.T) {
	data := realData(t, "3.6")
	recipient, _ := pair(t)
	x := sealing(t, data, recipient)
	looked := 0
	look := func() {
		t.Helper()
		looked++
		err := filepath.WalkDir(x.Dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(path)
			if bytes.HasPrefix(text, []byte("\x1f\x8b")) || bytes.Contains(text, []byte("key0100")) || bytes.Contains(text, data.saved[:512]) {
				t.Errorf("%s is in the clear", path)
			}
			for _, secret := range []string{"databaseSHA256", "hashKV"} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s tells of what is in it: %s", path, text)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	x.Progress = func(string) { look() }
	x.Send = func(ctx context.Context, to io.Writer) error {
		err := sends(data.saved)(ctx, to)
		look()
		return err
	}
	x.Hash = func(context.Context, int64) *snapshot.Hash { look(); return &snapshot.Hash{Hash: 7} }
	x.Own = func(*os.File) error { look(); return nil }
	if _, err := snapshot.TakeScheduled(t.Context(), x, 0); err != nil {
		t.Fatal(err)
	}
	look()
	if all := listed(t, x.Dir); len(all) != 3 || looked < 8 {
		t.Errorf("there are %q, looked at %d times", all, looked)
	}
}

// TestNothingIsWrittenInTheClearForWantOfAKey: nothing is written at all.
func TestNothingIsWrittenInTheClearForWantOfAKey(t *testing.T) {
	data := realData(t, "3.6")
	for _, recipients := range [][]string{nil, {}, {"age1nobody"}} {
		x := sealing(t, data, recipients...)
		if _, err := snapshot.TakeScheduled(t.Context(), x, 0); err == nil || !strings.Contains(err.Error(), "cannot encrypt it") {
			t.Errorf("%q: %v", recipients, err)
		}
		if all := listed(t, x.Dir); len(all) > 0 {
			t.Errorf("%q: there are %q", recipients, all)
		}
	}
}

// TestWhatCannotBeDecryptedIsRefused with a sentence that names the file, and without a word of what is in it.
func TestWhatCannotBeDecryptedIsRefused(t *testing.T) {
	data := realData(t, "3.6")
	recipient, good := pair(t)
	_, other := pair(t)
	a := sealed(t, data, recipient)
	private, err := os.ReadFile(good.Path)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(path string) error) snapshot.Identity {
		i := snapshot.Identity{Path: file(t, "age-identity", private), Name: good.Name}
		if err := change(i.Path); err != nil {
			t.Fatal(err)
		}
		return i
	}
	for words, identity := range map[string]snapshot.Identity{
		"no identity was given":                      {},
		"age-identity is not there: put the":         with(os.Remove),
		"to none of the identities in /etc/jujuetcd": other,
		"age-identity must belong to root":           with(func(p string) error { return os.Chmod(p, 0o640) }),
		"and be for nobody else":                     with(func(p string) error { return os.Chmod(p, 0o604) }),
		"or is no plain file":                        with(func(p string) error { return errors.Join(os.Rename(p, p+"x"), os.Symlink(p+"x", p)) }),
		"age-identity is no plain file":              with(func(p string) error { return errors.Join(os.Remove(p), os.Mkdir(p, 0o700)) }),
		"holds something else than identities": with(func(p string) error {
			return os.WriteFile(p, bytes.Replace(private, []byte("AGE-SECRET-KEY-1"), []byte("AGE-SECRET-KEY-1X"), 1), 0o600)
		}),
		"age-identity holds something else": with(func(p string) error { return os.WriteFile(p, []byte("# none yet\n"), 0o600) }),
	} {
		before := listed(t, filepath.Dir(a.Path))
		p, err := snapshot.Prove(t.Context(), a.Path, "", filepath.Dir(a.Path), identity)
		if err == nil {
			_ = p.Close()
			t.Errorf("%s: it is opened", words)
			continue
		}
		if text := err.Error(); !strings.Contains(text, words) || !strings.Contains(text, "it is encrypted, and ") || strings.Contains(text, string(private[len(private)-40:len(private)-1])) {
			t.Errorf("%s: %v", words, err)
		}
		if after := listed(t, filepath.Dir(a.Path)); !slices.Equal(after, before) {
			t.Errorf("%s: there are %q, and were %q", words, after, before)
		}
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(good.Path, 61000, 61000); err != nil {
			t.Fatal(err)
		}
		if _, err := snapshot.Prove(t.Context(), a.Path, "", t.TempDir(), good); err == nil || !strings.Contains(err.Error(), "must belong to root") {
			t.Errorf("another's: %v", err)
		}
	}
}

// TestADamagedOneIsRefusedBeforeItIsUsed: cut, flipped, longer, or of something else. Nothing is beside it that
// knows its SHA-256.
func TestADamagedOneIsRefusedBeforeItIsUsed(t *testing.T) {
	data := realData(t, "3.6")
	recipient, identity := pair(t)
	whole, err := os.ReadFile(sealed(t, data, recipient).Path)
	if err != nil {
		t.Fatal(err)
	}
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		t.Fatal(err)
	}
	encrypted := func(inside []byte) []byte {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, to)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(inside)
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, c := range map[string]struct {
		data  []byte
		words string
	}{
		"its last byte":  {flipped(whole, len(whole)-1), "damaged or cut short"},
		"in the middle":  {flipped(whole, len(whole)/2), "damaged or cut short"},
		"its seal":       {flipped(whole, bytes.Index(whole, []byte("\n--- "))+10), "damaged or cut short"},
		"a byte short":   {cut(whole, 1), "damaged or cut short"},
		"a KiB short":    {cut(whole, 1024), "damaged or cut short"},
		"its head alone": {whole[:bytes.Index(whole, []byte("\n--- "))+49], "damaged or cut short"},
		"half a head":    {whole[:60], "damaged or cut short"},
		"a byte more":    {append(bytes.Clone(whole), 0), "damaged or cut short"},
		"a saved one":    {encrypted(data.saved), "no tar.gz"},
		"nothing":        {encrypted(nil), "no tar.gz"},
		"a damaged one":  {encrypted(cut(tarGz(t, entry{name: "./db", data: data.saved}), 30)), "it is cut short"},
		"a way out":      {encrypted(tarGz(t, entry{name: "../db", data: data.saved})), "leads out of it"},
		"a bomb":         {encrypted(tarGz(t, entry{name: "./db", data: append(bytes.Clone(data.saved), make([]byte, 300<<20)...)})), "grows to more than"},
	} {
		t.Run(name, func(t *testing.T) {
			path := file(t, "x.tar.gz.age", c.data)
			p, err := snapshot.Prove(t.Context(), path, "", t.TempDir(), identity)
			if err == nil {
				_ = p.Close()
			}
			if err == nil || !strings.HasPrefix(err.Error(), "cannot use "+path) || !strings.Contains(err.Error(), c.words) {
				t.Errorf("%v, want %q", err, c.words)
			}
		})
	}
	// A head without an end does not fill the memory.
	endless := file(t, "endless", []byte("age-encryption.org/v1\n-> "))
	if err := os.Truncate(endless, 200<<20); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = snapshot.Prove(t.Context(), endless, "", t.TempDir(), identity)
	if runtime.ReadMemStats(&after); err == nil || !strings.Contains(err.Error(), "damaged or cut short") || after.TotalAlloc-before.TotalAlloc > 50<<20 {
		t.Errorf("%v, with %d bytes", err, after.TotalAlloc-before.TotalAlloc)
	}
	// What is beside it is compared, too.
	path := file(t, "x.tar.gz.age", whole)
	if err := os.WriteFile(path+".sha256", []byte(strings.Repeat("0", 64)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.Prove(t.Context(), path, "", t.TempDir(), identity); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("%v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := snapshot.Prove(ended, file(t, "y", whole), "", t.TempDir(), identity); !errors.Is(err, context.Canceled) {
		t.Errorf("whose time is over: %v", err)
	}
}

// TestWhatIsEncryptedIsListedAndRemovedWithoutAnIdentity: by what stands beside it.
func TestWhatIsEncryptedIsListedAndRemovedWithoutAnIdentity(t *testing.T) {
	data := realData(t, "3.6")
	recipient, _ := pair(t)
	dir := t.TempDir()
	take := func(at string, encrypt bool) snapshot.Archive {
		t.Helper()
		x := sealing(t, data, recipient)
		x.Dir, x.Origin.Tick, x.Encrypt = dir, at, encrypt
		x.Origin.Time = taken.Add(time.Duration(len(listed(t, dir))) * time.Minute)
		a, err := snapshot.TakeScheduled(t.Context(), x, 0)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	clear := take("20260301T000000Z", false)
	first, second := take("20260302T000000Z", true), take("20260303T000000Z", true)
	for _, verify := range []bool{false, true} {
		list, err := snapshot.List(t.Context(), dir, verify, snapshot.Identity{})
		if err != nil || len(list) != 3 {
			t.Fatalf("%+v, %v", list, err)
		}
		for i, a := range []snapshot.Archive{second, first, clear} {
			l := list[i]
			if l.Path != a.Path || l.Encrypted != a.Encrypted || !l.Verified || l.SHA256 != a.SHA256 || l.Size != a.Size || l.Revision != data.revision ||
				l.EtcdVersion != "3.6.1" || l.Origin == nil || l.Origin.Tick != a.Origin.Tick || l.Fault != "" {
				t.Errorf("%d, verified %t: %s", i, verify, asJSON(t, l))
			}
		}
	}
	for keep, want := range map[int][]string{1: {filepath.Base(clear.Path), filepath.Base(first.Path)}, 2: {filepath.Base(clear.Path)}, 3: nil} {
		if got, err := snapshot.Outdated(t.Context(), dir, second, keep); err != nil || !slices.Equal(got, want) {
			t.Errorf("of %d to keep it finds %q, %v, want %q", keep, got, err, want)
		}
	}
	if err := snapshot.RemoveScheduled(dir, filepath.Base(first.Path)); err != nil {
		t.Fatal(err)
	}
	for _, name := range listed(t, dir) {
		if strings.Contains(name, "20260302T") {
			t.Errorf("%s is left", name)
		}
	}
	// What says another thing than the file is, or nothing, makes it nobody's: it stays, and so does what lies there for a link.
	for name, change := range map[string]func(path string) error{
		"another cluster's": func(p string) error { return edited(p, thisCluster, otherCluster) },
		"another size":      func(p string) error { return edited(p, `"size": `, `"size": 1`) },
		"another time":      func(p string) error { return edited(p, `"20260303T`, `"20260203T`) },
		"no JSON":           func(p string) error { return os.WriteFile(p, []byte("{"), 0o600) },
		"none":              os.Remove,
	} {
		kept, err := os.ReadFile(second.Path + snapshot.StatedSuffix)
		if err := errors.Join(err, change(second.Path+snapshot.StatedSuffix)); err != nil {
			t.Fatal(err)
		}
		x := taking(t, data)
		x.Dir, x.Origin.ClusterID, x.Origin.Tick = dir, thisCluster, "20260304T000000Z"
		last, err := snapshot.TakeScheduled(t.Context(), x, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := snapshot.Outdated(t.Context(), dir, last, 1); err != nil || slices.Contains(got, filepath.Base(second.Path)) {
			t.Errorf("%s: it would remove %q, %v", name, got, err)
		}
		if err := os.WriteFile(second.Path+snapshot.StatedSuffix, kept, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Alone nothing says whether its bytes are the right ones.
	text, err := os.ReadFile(second.Path)
	alone := file(t, "copy.tar.gz.age", text)
	for _, verify := range []bool{false, true} {
		if l, err := snapshot.List(t.Context(), filepath.Dir(alone), verify, snapshot.Identity{}); err != nil || len(l) != 1 || !l[0].Encrypted || l[0].Verified || l[0].Origin != nil {
			t.Errorf("%+v, %v", l, err)
		}
	}
	if err := errors.Join(err, os.WriteFile(second.Path, flipped(text, len(text)/2), 0o600), os.Remove(second.Path+snapshot.StoredSuffix)); err != nil {
		t.Fatal(err)
	}
	if list, err := snapshot.List(t.Context(), dir, true, snapshot.Identity{}); err != nil || list[0].Path != second.Path || list[0].Verified || !strings.Contains(list[0].Fault, ".json beside it says") {
		t.Errorf("a damaged one is %+v, %v", list, err)
	}
}

func edited(path, old, now string) error {
	text, err := os.ReadFile(path)
	return errors.Join(err, os.WriteFile(path, bytes.ReplaceAll(text, []byte(old), []byte(now)), 0o600))
}

// TestAnEncryptedOneThatIsThereIsNotTakenAgain; one in the clear is none that may take its place, and what was said
// of one that never got its name is nobody's.
func TestAnEncryptedOneThatIsThereIsNotTakenAgain(t *testing.T) {
	data := realData(t, "3.6")
	recipient, _ := pair(t)
	x := sealing(t, data, recipient)
	x.Encrypt = false
	clear, err := snapshot.TakeScheduled(t.Context(), x, 0)
	if err != nil {
		t.Fatal(err)
	}
	x.Encrypt = true
	first, err := snapshot.TakeScheduled(t.Context(), x, 0)
	if err != nil || first.Path != clear.Path+".age" {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := os.Remove(first.Path + snapshot.StoredSuffix); err != nil { // as an agent leaves it that dies before
		t.Fatal(err)
	}
	again := x
	again.Send = func(context.Context, io.Writer) error { return errors.New("it is sent again") }
	found, err := snapshot.TakeScheduled(t.Context(), again, 1)
	if err != nil || found.Path != first.Path || !found.Encrypted || found.SHA256 != first.SHA256 || found.Revision != data.revision || found.Origin.Tick != tick {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := os.Stat(first.Path + snapshot.StoredSuffix); err != nil {
		t.Error(err)
	}
	// The archive is lost, and what was said of it is left; and what is nobody's of ours.
	said, err := os.ReadFile(first.Path + snapshot.StatedSuffix)
	if err != nil {
		t.Fatal(err)
	}
	strangers := map[string][]byte{
		snapshot.ScheduledName(otherCluster, tick, 0) + ".age.json":                    said,
		snapshot.ScheduledName(thisCluster, "20260101T000000Z", 0) + ".age.json":       bytes.ReplaceAll(said, []byte(thisCluster), []byte(otherCluster)),
		snapshot.ScheduledName(thisCluster, "20260102T000000Z", 0) + ".age.notes.json": said,
	}
	for name, text := range strangers {
		if err := os.WriteFile(filepath.Join(x.Dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Remove(first.Path), os.Remove(first.Path+snapshot.StoredSuffix)); err != nil {
		t.Fatal(err)
	}
	if a, err := snapshot.TakeScheduled(t.Context(), x, 0); err != nil || a.Path != first.Path {
		t.Errorf("%+v, %v", a, err)
	}
	for name := range strangers {
		if _, err := os.Stat(filepath.Join(x.Dir, name)); err != nil {
			t.Errorf("what is nobody's of ours has gone: %v", err)
		}
	}
	// Nothing is said of what somebody else has put there.
	y := sealing(t, data, recipient)
	if err := os.WriteFile(filepath.Join(y.Dir, filepath.Base(first.Path)), []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.TakeScheduled(t.Context(), y, 0); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v", err)
	}
	if all := listed(t, y.Dir); len(all) != 1 {
		t.Errorf("there are %q", all)
	}
}
