package machine_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
	"jujuetcd.io/pkg/snapshot"
	"jujuetcd.io/pkg/snapshot/store"
	"jujuetcd.io/test/s3test"
)

// encrypting has snapshots of the schedule encrypted from now on, and is what opens them.
func (w *world) encrypting() *age.X25519Identity {
	w.t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		w.t.Fatal(err)
	}
	w.encryption = &v1alpha1.SnapshotEncryption{Recipients: []string{identity.Recipient().String()}}
	return identity
}

// hasIdentity puts an identity on the unit.
func (w *world) hasIdentity(text string, mode os.FileMode) {
	w.t.Helper()
	path := w.path(v1alpha1.IdentityFile)
	_ = os.Remove(path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		w.t.Fatal(err)
	}
}

// inTheClear are the files of the machine that hold what a member sends, or are packed and not encrypted.
func (w *world) inTheClear() (names []string) {
	w.t.Helper()
	for name := range w.files() {
		text, err := os.ReadFile(w.path(name))
		if err == nil && (bytes.HasPrefix(text, []byte("\x1f\x8b")) || bytes.Contains(text, w.database[:512])) {
			names = append(names, name)
		}
	}
	return names
}

func keyOf(tick string) string { return key(tick) + snapshot.SealedSuffix }

// TestAScheduleThatEncryptsKeepsNothingInTheClear, on the unit and in the store, keeps as many as it should, and needs
// no identity for any of it.
func TestAScheduleThatEncryptsKeepsNothingInTheClear(t *testing.T) {
	w, server, bag := stored(t)
	identity := w.encrypting()
	for i, tick := range []string{tick1, tick1, tick2, tick3} {
		facts := w.apply(w.storing(tick, 0), int64(3+i), v1alpha1.OutcomeApplied, "").Facts.Snapshots
		if facts.Tried.Fault != "" || !w.good(facts.Last) || facts.Last.Stored != "s3://backups/"+keyOf(tick) || filepath.Base(facts.Last.Path) != filepath.Base(keyOf(tick)) {
			t.Fatalf("%d: %+v, last %+v", i, facts.Tried, facts.Last)
		}
		if clear := w.inTheClear(); len(clear) > 0 {
			t.Errorf("%d: %q are in the clear", i, clear)
		}
	}
	want := []string{filepath.Base(keyOf(tick2)), filepath.Base(keyOf(tick3))}
	if got := w.archives(); !slices.Equal(got, want) {
		t.Errorf("there are %q, want %q", got, want)
	}
	if got := server.Objects("backups"); !slices.Equal(got, []string{keyOf(tick2), keyOf(tick3)}) {
		t.Errorf("in the store there are %q", got)
	}
	if object := server.Read("backups", keyOf(tick3)); !bytes.HasPrefix(object, []byte("age-encryption.org/v1\n")) {
		t.Error("what is in the store is not encrypted")
	}
	m := w.machine()
	s, err := m.OpenStore(store.Provider{Bag: bag})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.List(t.Context(), "", true, snapshot.Identity{})
	// Both may be of one second, and metadata tell no less.
	i := slices.IndexFunc(list, func(l snapshot.Listed) bool { return l.ID == filepath.Base(keyOf(tick3)) })
	if err != nil || len(list) != 2 || i < 0 || !list[i].Encrypted || !list[i].Verified || list[i].Decrypted || list[i].Origin.Tick != tick3 {
		t.Fatalf("the store lists %+v, %v", list, err)
	}
	own, err := m.ListSnapshots(t.Context(), machine.DefaultSnapshots, true)
	if err != nil || len(own) != 2 || !own[0].Encrypted || own[0].Decrypted || !strings.Contains(own[0].Unopened, v1alpha1.IdentityFile+" is not there") || !own[0].Verified || own[0].Origin.Tick != tick3 || own[0].SHA256 != list[i].SHA256 {
		t.Errorf("the unit lists %+v, %v", own, err)
	}
	// What comes back from the store is opened by the identity, and by nothing else.
	w.hasIdentity(identity.String(), 0o600)
	for where, looks := range map[string]func() ([]snapshot.Listed, error){
		"the unit":  func() ([]snapshot.Listed, error) { return m.ListSnapshots(t.Context(), machine.DefaultSnapshots, true) },
		"the store": func() ([]snapshot.Listed, error) { return s.List(t.Context(), "", true, machine.Identity(m)) },
	} {
		list, err := looks()
		if err != nil || len(list) != 2 || !list[0].Decrypted || !list[0].Verified || list[0].Unopened != "" {
			t.Errorf("with an identity %s lists %+v, %v", where, list, err)
		}
	}
	path, done, err := m.FetchStored(t.Context(), s, filepath.Base(keyOf(tick3)), "")
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	if _, err := snapshot.Prove(t.Context(), path, "", t.TempDir(), snapshot.Identity{}); err == nil {
		t.Error("it is opened without an identity")
	}
	p, err := snapshot.Prove(t.Context(), path, list[i].SHA256, t.TempDir(), machine.Identity(m))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Origin.Tick != tick3 || p.Origin.ClusterID != ownCluster.String() {
		t.Errorf("%+v", p.Origin)
	}
}

// TestWhatWasTakenInTheClearIsNotStoredWhenItShouldBeEncrypted: it is taken once more.
func TestWhatWasTakenInTheClearIsNotStoredWhenItShouldBeEncrypted(t *testing.T) {
	w, server, _ := stored(t)
	server.Break(s3test.Down)
	if facts := w.apply(w.storing(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots; facts.Tried.Fault == "" || facts.Last.Stored != "" {
		t.Fatalf("%+v", facts)
	}
	server.Break(nil)
	w.encrypting()
	facts := w.apply(w.storing(tick1, 1), 4, v1alpha1.OutcomeApplied, "").Facts.Snapshots
	if facts.Tried.Fault != "" || !strings.HasSuffix(facts.Last.Stored, snapshot.SealedSuffix) || !w.good(facts.Last) {
		t.Errorf("%+v, last %+v", facts.Tried, facts.Last)
	}
	for _, name := range server.Objects("backups") {
		if !strings.HasSuffix(name, snapshot.SealedSuffix) {
			t.Errorf("%s is in the store", name)
		}
	}
}

// TestAnEncryptedSnapshotEndsAlikeWhereverItIsKilled, with nothing in the clear.
func TestAnEncryptedSnapshotEndsAlikeWhereverItIsKilled(t *testing.T) {
	for effect := 1; ; effect++ {
		w := onSchedule(t)
		w.encrypting()
		w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "")
		w.apply(w.ordered(tick2, 0), 4, v1alpha1.OutcomeApplied, "")
		ended := w.applyUntil(w.ordered(tick3, 0), 5, effect)
		facts, err := w.machine().Facts(t.Context())
		if err != nil || !w.good(facts.Snapshots.Last) {
			t.Errorf("killed after effect %d: %+v, %v", effect, facts.Snapshots, err)
		}
		again := w.apply(w.ordered(tick3, 0), 6, v1alpha1.OutcomeApplied, "").Facts.Snapshots
		if again.Last.ID != tick3 || !w.good(again.Last) || again.Tried.Fault != "" {
			t.Errorf("killed after effect %d: %+v", effect, again)
		}
		w.apply(w.ordered("20260304T000000Z", 0), 7, v1alpha1.OutcomeApplied, "")
		if got := w.archives(); len(got) != 2 || !strings.Contains(got[0], tick3) {
			t.Errorf("killed after effect %d: there are %q", effect, got)
		}
		if clear := w.inTheClear(); len(clear) > 0 {
			t.Errorf("killed after effect %d: %q are in the clear", effect, clear)
		}
		if ended {
			return
		}
	}
}

// TestASnapshotThatIsKilledWhileItIsSentLeavesNothingInTheClear: what is sent has no name by which anybody could find it.
func TestASnapshotThatIsKilledWhileItIsSentLeavesNothingInTheClear(t *testing.T) {
	w := onSchedule(t)
	w.encrypting()
	w.sendFault = errors.New("the connection has broken")
	facts := w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots
	if !strings.Contains(facts.Tried.Fault, "the connection has broken") || len(w.inTheClear()) > 0 || len(w.archives()) > 0 {
		t.Errorf("%+v, there are %q, in the clear %q", facts.Tried, w.archives(), w.inTheClear())
	}
}

// TestNothingIsTakenForNobody: a policy that names no recipients is none that lets it be taken in the clear.
func TestNothingIsTakenForNobody(t *testing.T) {
	w := onSchedule(t)
	w.encryption = &v1alpha1.SnapshotEncryption{}
	facts := w.apply(w.ordered(tick1, 0), 3, v1alpha1.OutcomeApplied, "").Facts.Snapshots
	if !strings.Contains(facts.Tried.Fault, "cannot encrypt it") || facts.Last != nil || len(w.archives()) > 0 {
		t.Errorf("%+v, there are %q", facts, w.archives())
	}
}

// TestADrillOpensWhatARestoreWould: with the identity of the unit, and what is wrong with that is why the drill has failed.
func TestADrillOpensWhatARestoreWould(t *testing.T) {
	w := withDrills(t, nil)
	identity := w.encrypting()
	if facts := w.apply(w.ordered(tick2, 0), 4, v1alpha1.OutcomeApplied, "").Facts.Snapshots; facts.Tried.Fault != "" {
		t.Fatal(facts.Tried.Fault)
	}
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	attempt := int32(0)
	drill := func() *v1alpha1.DrillFacts {
		attempt++
		return w.drilled(tick3, attempt, 10+int64(attempt))
	}
	for _, c := range []struct {
		words    string
		prepares func()
	}{
		{v1alpha1.IdentityFile + " is not there: put the identity into it", func() {}},
		{"to none of the identities in " + v1alpha1.IdentityFile, func() { w.hasIdentity(other.String(), 0o600) }},
		{v1alpha1.IdentityFile + " must belong to root, and be for nobody else", func() { w.hasIdentity(identity.String(), 0o644) }},
		{v1alpha1.IdentityFile + " holds something else", func() { w.hasIdentity(identity.String()[:40], 0o600) }},
	} {
		c.prepares()
		facts := drill()
		if !strings.Contains(facts.Tried.Fault, c.words) || facts.Last != nil || strings.Contains(facts.Tried.Fault, identity.String()[20:38]) {
			t.Errorf("%q: %+v", c.words, facts)
		}
	}
	w.hasIdentity("# the cluster's\n"+other.String()+"\n"+identity.String()+"\n", 0o600)
	facts := drill()
	if facts.Tried.Fault != "" || facts.Last == nil || facts.Last.Tick != tick2 || !strings.HasSuffix(facts.Last.Snapshot, snapshot.SealedSuffix) {
		t.Errorf("%+v, last %+v", facts.Tried, facts.Last)
	}
	// One that is damaged is told from one that cannot be opened.
	path := filepath.Join(w.path(machine.DefaultSnapshots), facts.Last.Snapshot)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-5] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if facts := w.drilled("20260304T000000Z", 0, 30); !strings.Contains(facts.Tried.Fault, "it is damaged or cut short") {
		t.Errorf("%+v", facts)
	}
}
