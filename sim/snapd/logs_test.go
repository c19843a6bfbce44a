package snapd_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	client "jujuetcd.io/pkg/machine/snapd"
	"jujuetcd.io/sim/snapd"
)

// The agent reads what a service has written as it does from snapd: the last lines, with the time at which etcd wrote each.
func TestTheLastLinesOfAServicesLogAreGiven(t *testing.T) {
	root := newBox(t, "", t.TempDir()).root
	path := filepath.Join(root, "var/log/snap.etcd.etcd.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	const log = "first\n" + `{"level":"warn","ts":"2026-11-22T12:00:00.250000Z","msg":"second"}` + "\nthird\n"
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := client.New(filepath.Join(root, snapd.SocketPath)).Logs(context.Background(), "etcd", 2)
	if err != nil || len(lines) != 2 || lines[1].Message != "third" {
		t.Fatalf("lines %+v, %v", lines, err)
	}
	if at, err := time.Parse(time.RFC3339Nano, lines[0].Timestamp); err != nil || !at.Equal(time.Date(2026, 11, 22, 12, 0, 0, 250e6, time.UTC)) {
		t.Errorf("the time of %+v: %v", lines[0], err)
	}
}
