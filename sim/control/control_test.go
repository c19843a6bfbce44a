package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/model"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// backend answers with what a test gave it.
type backend struct {
	control.Backend
	info  control.Info
	fault error
	lines []model.LogLine
}

func (b *backend) Info() control.Info        { return b.info }
func (b *backend) Fault(control.Fault) error { return b.fault }
func (b *backend) Logs(ctx context.Context, _ string, after int, follow bool) ([]model.LogLine, error) {
	if after < len(b.lines) {
		return b.lines[after:], nil
	}
	if !follow {
		return nil, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func serve(t *testing.T, b control.Backend) *control.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "jc") // Short, for the socket's sake.
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, control.SocketName)
	listener, err := control.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- control.Serve(ctx, listener, b) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has mode %v (%v)", info.Mode(), err)
	}
	return control.NewClient(dir)
}

func TestErrorsComeThroughInTheirWords(t *testing.T) {
	c := serve(t, &backend{fault: errors.New("cannot stop machine 7: no such machine")})
	if err := c.Fault(t.Context(), control.Fault{}); err == nil || err.Error() != "cannot stop machine 7: no such machine" {
		t.Errorf("got %v", err)
	}
}

func TestNobodyListeningSaysHowToStart(t *testing.T) {
	_, err := control.NewClient(t.TempDir()).Info(t.Context())
	if !errors.Is(err, control.ErrNotRunning) || !strings.Contains(err.Error(), "jujusim start --dir") {
		t.Errorf("got %v", err)
	}
}

func TestLongPathIsRefusedWithTheReason(t *testing.T) {
	_, err := control.Listen("/" + strings.Repeat("x", 120))
	if err == nil || !strings.Contains(err.Error(), "choose a shorter --dir") {
		t.Errorf("got %v", err)
	}
}

func TestFollowedLogEndsWithItsReader(t *testing.T) {
	c := serve(t, &backend{lines: []model.LogLine{{Number: 1, Message: "one"}, {Number: 2, Message: "two"}}})
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	err := c.Logs(ctx, "", 0, true, func(l model.LogLine) error {
		if got = append(got, l.Message); len(got) == 2 {
			cancel()
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "one two" {
		t.Errorf("got %v, %v", got, err)
	}
}
