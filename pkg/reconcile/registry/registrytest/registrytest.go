// Package registrytest serves a registry to a test, as the daemon serves its own.
//
//	socket := registrytest.Serve(t, &registry.Server{Registry: r, …})
//	client := registry.NewClient(socket)
//
// What it began has ended, and the socket is gone, when the test has; if not, the test fails.
package registrytest

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"jujuetcd.io/pkg/reconcile/registry"
)

// Serve serves on a socket of the test's own, and returns its path.
func Serve(t testing.TB, server *registry.Server) string {
	t.Helper()
	path := filepath.Join(ShortDir(t), "d.sock")
	listener, err := registry.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(path); err == nil {
			t.Error("the socket is left behind")
		}
	})
	return path
}

// ShortDir is a directory whose path leaves room for a socket's name, as t.TempDir may not; it is removed with the test.
func ShortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jj")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
