package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func status(phase v1alpha1.ClusterPhase, ready metav1.ConditionStatus, at time.Time) v1alpha1.EtcdClusterStatus {
	return v1alpha1.EtcdClusterStatus{Phase: phase, ObservedAt: metav1.NewTime(at),
		Conditions: []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: ready}}}
}

func TestUnchangedObjectKeepsItsVersion(t *testing.T) {
	now := start
	r := registry.New(func() time.Time { return now })
	ref := registry.Ref{Model: "admin/prod", Name: "etcd"}
	r.PutCluster(ref, v1alpha1.EtcdClusterSpec{}, status(v1alpha1.PhaseProgressing, metav1.ConditionFalse, now))
	first, changed := r.Clusters()

	now = start.Add(time.Minute)
	r.PutCluster(ref, v1alpha1.EtcdClusterSpec{}, status(v1alpha1.PhaseProgressing, metav1.ConditionFalse, now))
	second, _ := r.Clusters()
	if first[0].ResourceVersion != second[0].ResourceVersion || !second[0].Status.ObservedAt.Time.Equal(now) {
		t.Errorf("version %s became %s, observed at %v", first[0].ResourceVersion, second[0].ResourceVersion, second[0].Status.ObservedAt)
	}
	select {
	case <-changed:
		t.Error("a look that showed nothing new woke those who watch")
	default:
	}

	r.PutCluster(ref, v1alpha1.EtcdClusterSpec{Paused: true}, status(v1alpha1.PhaseSteady, metav1.ConditionTrue, now))
	third, _ := r.Clusters()
	if third[0].ResourceVersion == second[0].ResourceVersion || third[0].Generation != 2 {
		t.Errorf("version %s, generation %d after a change", third[0].ResourceVersion, third[0].Generation)
	}
	select {
	case <-changed:
	default:
		t.Error("a change did not wake those who watch")
	}
}

func TestConditionKeepsItsTimeWhileItsStatusStays(t *testing.T) {
	now := start
	r := registry.New(func() time.Time { return now })
	ref := registry.Ref{Model: "admin/prod", Name: "etcd"}
	times := []metav1.Time{}
	for i, s := range []metav1.ConditionStatus{metav1.ConditionFalse, metav1.ConditionFalse, metav1.ConditionTrue} {
		now = start.Add(time.Duration(i) * time.Minute)
		r.PutCluster(ref, v1alpha1.EtcdClusterSpec{}, status(v1alpha1.PhaseSteady, s, now))
		list, _ := r.Clusters()
		times = append(times, list[0].Status.Conditions[0].LastTransitionTime)
	}
	if !times[0].Time.Equal(start) || !times[1].Time.Equal(start) || !times[2].Time.Equal(start.Add(2*time.Minute)) {
		t.Errorf("times %v", times)
	}
}

func TestUnitsAreListedByNumber(t *testing.T) {
	r := registry.New(time.Now)
	for _, name := range []string{"etcd/10", "etcd/2", "db/3"} {
		r.PutUnit(registry.Ref{Model: "m", Name: name}, v1alpha1.EtcdUnitSpec{Unit: name}, v1alpha1.EtcdUnitStatus{})
	}
	list, _ := r.Units()
	if list[0].Name != "db/3" || list[1].Name != "etcd/2" || list[2].Name != "etcd/10" {
		t.Errorf("order %s, %s, %s", list[0].Name, list[1].Name, list[2].Name)
	}
}

func TestMatchesByModelAndName(t *testing.T) {
	ref := registry.Ref{Model: "admin/prod", Name: "etcd/0"}
	for _, want := range []registry.Ref{{}, {Model: "prod"}, {Model: "admin/prod"}, {Name: "etcd"}, {Model: "prod", Name: "etcd/0"}} {
		if !registry.Matches(want, ref) {
			t.Errorf("%v does not match", want)
		}
	}
	for _, want := range []registry.Ref{{Model: "rod"}, {Name: "etc"}, {Name: "etcd/01"}, {Model: "other/prod"}} {
		if registry.Matches(want, ref) {
			t.Errorf("%v matches", want)
		}
	}
}

// serve runs a server on a socket and ends it with the test.
func serve(t *testing.T, r *registry.Registry) (*registry.Client, string) {
	t.Helper()
	path := registrytest.Serve(t, &registry.Server{Registry: r,
		About: func() registry.About { return registry.About{Version: "v1"} },
		Access: func(registry.Ref) (registry.Access, error) {
			return registry.Access{}, errors.New("cannot give access: none yet")
		}})
	return registry.NewClient(path), path
}

func TestSocketIsForItsOwnerOnlyAndOfOneDaemon(t *testing.T) {
	client, path := serve(t, registry.New(time.Now))
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := registry.Listen(path); err == nil {
		t.Error("two daemons listen on one socket")
	}
	if about, err := client.About(t.Context()); err != nil || about.Version != "v1" {
		t.Errorf("about %+v, %v", about, err)
	}
	if _, err := client.Access(t.Context(), registry.Ref{}); err == nil || err.Error() != "cannot ask the daemon: cannot give access: none yet" {
		t.Errorf("error %v", err)
	}
}

func TestAbsentDaemonIsToldApart(t *testing.T) {
	dir := registrytest.ShortDir(t)
	if _, err := registry.NewClient(filepath.Join(dir, "d.sock")).About(t.Context()); !errors.Is(err, registry.ErrNoDaemon) {
		t.Errorf("no socket: %v", err)
	}
	stale := filepath.Join(dir, "d.sock")
	listener, err := registry.Listen(stale)
	if err != nil {
		t.Fatal(err)
	}
	// A daemon that was killed leaves its socket behind.
	if err := os.Rename(stale, stale+"x"); err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := os.Rename(stale+"x", stale); err != nil {
		t.Fatal(err)
	}
	if _, err := registry.NewClient(stale).About(t.Context()); !errors.Is(err, registry.ErrNoDaemon) {
		t.Errorf("a stale socket: %v", err)
	}
	again, err := registry.Listen(stale)
	if err != nil {
		t.Fatalf("a stale socket is not replaced: %v", err)
	}
	_ = again.Close()
}

func TestWatchPrintsEachChangeOnce(t *testing.T) {
	r := registry.New(time.Now)
	etcd := registry.Ref{Model: "admin/prod", Name: "etcd"}
	r.PutCluster(etcd, v1alpha1.EtcdClusterSpec{}, v1alpha1.EtcdClusterStatus{Phase: v1alpha1.PhasePending})
	client, _ := serve(t, r)

	enough := errors.New("enough")
	var got []string
	err := client.WatchClusters(t.Context(), registry.Ref{Model: "prod"}, func(e registry.Event[v1alpha1.EtcdCluster]) error {
		got = append(got, e.Type+" "+string(e.Object.Status.Phase))
		switch len(got) {
		case 1:
			r.PutCluster(registry.Ref{Model: "admin/other", Name: "etcd"}, v1alpha1.EtcdClusterSpec{}, v1alpha1.EtcdClusterStatus{})
			r.PutCluster(etcd, v1alpha1.EtcdClusterSpec{}, v1alpha1.EtcdClusterStatus{Phase: v1alpha1.PhaseSteady})
		case 2:
			none := func(string) bool { return false }
			r.Retain("admin/prod", none, none)
		case 3:
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatal(err)
	}
	want := []string{"ADDED Pending", "MODIFIED Steady", "DELETED Steady"}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("events %q, want %q", got, want)
			break
		}
	}
}
