package dispatch_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"jujuetcd.io/pkg/charm/detached"
	"jujuetcd.io/pkg/charm/dispatch"
)

func TestDispatchIsReadFromJujusEnvironment(t *testing.T) {
	tests := []struct {
		path, unit, action string
		version, secret    string
		want               dispatch.Env
		fails              bool
	}{
		{path: "hooks/install", unit: "etcd/0", want: dispatch.Env{Kind: "hooks", Name: "install", Unit: "etcd/0"}},
		{path: "hooks/db-relation-changed", unit: "my-etcd/12", want: dispatch.Env{Kind: "hooks", Name: "db-relation-changed", Unit: "my-etcd/12"}},
		{path: "actions/reconcile", unit: "etcd/0", action: "42", want: dispatch.Env{Kind: "actions", Name: "reconcile", Unit: "etcd/0", Action: 42}},
		{path: "hooks/secret-changed", unit: "etcd/0", version: "4.0.15.1", secret: "secret:x",
			want: dispatch.Env{Kind: "hooks", Name: "secret-changed", Unit: "etcd/0", Secret: "secret:x", HasSecrets: true}},
		{path: "hooks/install", unit: "etcd/0", version: "3.6.28", want: dispatch.Env{Kind: "hooks", Name: "install", Unit: "etcd/0", HasSecrets: true}},
		{path: "hooks/install", unit: "etcd/0", version: "2.9.52", want: dispatch.Env{Kind: "hooks", Name: "install", Unit: "etcd/0"}},
		{path: "actions/reconcile", unit: "etcd/0", action: "", fails: true},
		{path: "actions/reconcile", unit: "etcd/0", action: "5f6c0e3e", fails: true},
		{path: "", unit: "etcd/0", fails: true},
		{path: "hooks/", unit: "etcd/0", fails: true},
		{path: "scripts/x", unit: "etcd/0", fails: true},
		{path: "hooks/install", unit: "", fails: true},
	}
	for _, test := range tests {
		values := map[string]string{"JUJU_DISPATCH_PATH": test.path, "JUJU_UNIT_NAME": test.unit, "JUJU_ACTION_UUID": test.action,
			"JUJU_VERSION": test.version, "JUJU_SECRET_ID": test.secret}
		got, err := dispatch.ReadEnv(func(name string) string { return values[name] })
		if (err != nil) != test.fails {
			t.Errorf("%s of %s, task %q: error %v", test.path, test.unit, test.action, err)
		} else if err == nil && got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.path, got, test.want)
		}
	}
}

func TestDispatchesOfAUnitNeverRunAtOnce(t *testing.T) {
	root := t.TempDir()
	ctx := context.Background()
	release, err := dispatch.Lock(ctx, root, "etcd/0")
	if err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if _, err := dispatch.Lock(impatient, root, "etcd/0"); err == nil {
		t.Error("a second dispatch got its turn")
	}
	other, err := dispatch.Lock(ctx, root, "etcd/1")
	if err != nil {
		t.Fatalf("another unit of the machine must wait: %v", err)
	}
	other()
	next := make(chan error, 1)
	go func() {
		release, err := dispatch.Lock(ctx, root, "etcd/0")
		if err == nil {
			release()
		}
		next <- err
	}()
	release()
	if err := <-next; err != nil {
		t.Errorf("the next dispatch did not get its turn: %v", err)
	}
	info, err := os.Stat(filepath.Join(root, "var/lib/jujuetcd/etcd-0"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the unit's folder has mode %v, %v", info.Mode(), err)
	}
}

// TestADispatchWaitsForWhatOutlivesOne: the work of an action whose agent has died is not disturbed by
// the next hook.
func TestADispatchWaitsForWhatOutlivesOne(t *testing.T) {
	root := t.TempDir()
	release, err := dispatch.Lock(t.Context(), root, "etcd/0")
	if err != nil {
		t.Fatal(err)
	}
	release()
	work, err := os.OpenFile(filepath.Join(detached.Folder(root, "etcd/0"), "work"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer work.Close()
	if err := syscall.Flock(int(work.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := dispatch.Lock(impatient, root, "etcd/0"); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("beside it: %v", err)
	}
	// Neither lock was kept.
	got := make(chan error, 1)
	go func() {
		_, err := dispatch.Lock(t.Context(), root, "etcd/0")
		got <- err
	}()
	if err := syscall.Flock(int(work.Fd()), syscall.LOCK_UN); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Errorf("after it: %v", err)
	}
}
