package snapshot_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/snapshot"
)

const thisCluster, otherCluster = "00000000000000ff", "00000000000000fe"

// scheduledOf takes one for a tick into a folder.
func scheduledOf(t *testing.T, data sample, dir, cluster, tick string) snapshot.Archive {
	t.Helper()
	x := taking(t, data)
	x.Dir, x.Origin.ClusterID, x.Origin.Tick = dir, cluster, tick
	a, err := snapshot.TakeScheduled(t.Context(), x, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestOnlyWhatAScheduleOfThisClusterHasTakenIsOutdated, the oldest first, and never the last one.
func TestOnlyWhatAScheduleOfThisClusterHasTakenIsOutdated(t *testing.T) {
	data := realData(t, "3.6")
	dir := t.TempDir()
	var names []string
	for _, tick := range []string{"20260301T000000Z", "20260302T000000Z", "20260303T000000Z"} {
		names = append(names, filepath.Base(scheduledOf(t, data, dir, thisCluster, tick).Path))
	}
	scheduledOf(t, data, dir, otherCluster, "20260101T000000Z")
	// A clock that was ahead has left one.
	scheduledOf(t, data, dir, thisCluster, "20990101T000000Z")
	person := taking(t, data)
	person.Dir, person.Origin.ClusterID = dir, thisCluster
	own, err := snapshot.Take(t.Context(), person)
	if err != nil {
		t.Fatal(err)
	}
	// A person's copy under such a name, another cluster's, one that is damaged where it says what it is, a link and a folder.
	copyAs := func(from, name string) {
		text, err := os.ReadFile(from)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, name), text, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	copyAs(own.Path, snapshot.ScheduledName(thisCluster, "20250101T000000Z", 0))
	copyAs(filepath.Join(dir, snapshot.ScheduledName(otherCluster, "20260101T000000Z", 0)), snapshot.ScheduledName(thisCluster, "20260101T000000Z", 0))
	copyAs(filepath.Join(dir, names[0]), snapshot.ScheduledName(otherCluster, "20260301T000000Z", 0))
	err = errors.Join(os.WriteFile(filepath.Join(dir, snapshot.ScheduledName(thisCluster, "20250102T000000Z", 0)), []byte("x"), 0o600),
		os.Symlink(own.Path, filepath.Join(dir, snapshot.ScheduledName(thisCluster, "20250103T000000Z", 0))),
		os.Mkdir(filepath.Join(dir, snapshot.ScheduledName(thisCluster, "20250104T000000Z", 0)), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	last := scheduledOf(t, data, dir, thisCluster, "20260304T000000Z")
	for keep, want := range map[int][]string{1: names, 0: names, 2: names[:2], 3: names[:1], 4: nil, 9: nil} {
		if got, err := snapshot.Outdated(t.Context(), dir, last, keep); err != nil || !slices.Equal(got, want) {
			t.Errorf("of %d to keep it finds %q, %v, want %q", keep, got, err, want)
		}
	}
	before := listed(t, dir)
	if err := snapshot.RemoveScheduled(dir, names[0]); err != nil {
		t.Fatal(err)
	}
	after := listed(t, dir)
	if want := slices.DeleteFunc(before, func(n string) bool { return n == names[0] || n == names[0]+snapshot.StoredSuffix }); !slices.Equal(after, want) {
		t.Errorf("there are %q, want %q", after, want)
	}
	// Nothing goes for one that is not there as it was written.
	text, err := os.ReadFile(last.Path)
	if err := errors.Join(err, os.WriteFile(last.Path, flipped(text, len(text)-20), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err := snapshot.Outdated(t.Context(), dir, last, 1); err == nil || len(got) > 0 || !strings.Contains(err.Error(), "not what was written") {
		t.Errorf("a damaged one outdates %q, %v", got, err)
	}
}

// TestAScheduledSnapshotThatIsThereIsNotTakenAgain, and one that is damaged is in nobody's way.
func TestAScheduledSnapshotThatIsThereIsNotTakenAgain(t *testing.T) {
	data := realData(t, "3.6")
	dir := t.TempDir()
	const tick = "20260301T000000Z"
	first := scheduledOf(t, data, dir, thisCluster, tick)
	if err := os.Remove(first.Path + snapshot.StoredSuffix); err != nil {
		t.Fatal(err)
	}
	again := taking(t, data)
	again.Dir, again.Origin.ClusterID, again.Origin.Tick = dir, thisCluster, tick
	again.Send = func(context.Context, io.Writer) error { return errors.New("it is asked for") }
	found, err := snapshot.TakeScheduled(t.Context(), again, 3)
	if err != nil || found.SHA256 != first.SHA256 || found.Origin.Tick != tick {
		t.Fatalf("%+v, %v", found, err)
	}
	run(t, t.Context(), "sh", "-c", "cd "+dir+" && sha256sum -c *.sha256")
	text, err := os.ReadFile(first.Path)
	if err := errors.Join(err, os.WriteFile(first.Path, flipped(text, len(text)-20), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := snapshot.TakeScheduled(t.Context(), again, 1); err == nil || !strings.Contains(err.Error(), "it is asked for") {
		t.Errorf("a damaged one is taken for good: %v", err)
	}
	again.Send = sends(data.saved)
	if a, err := snapshot.TakeScheduled(t.Context(), again, 1); err != nil || filepath.Base(a.Path) != "etcd-scheduled-"+thisCluster+"-"+tick+"-1.tar.gz" {
		t.Errorf("%+v, %v", a, err)
	}
	for _, wrong := range [][2]string{{"../ff", tick}, {thisCluster, "../x"}, {"", tick}} {
		again.Origin.ClusterID, again.Origin.Tick = wrong[0], wrong[1]
		if _, err := snapshot.TakeScheduled(t.Context(), again, 0); err == nil || !strings.Contains(err.Error(), "make no name") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
