package jujuapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/jujuapi/wire"
)

func TestConcurrentCallsGetTheirOwnAnswersInAnyOrder(t *testing.T) {
	t.Parallel()
	const calls = 60
	// Nobody is answered before everybody has asked, and then in whatever order.
	var asked sync.WaitGroup
	asked.Add(calls)
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		asked.Done()
		asked.Wait()
		return r.Params, nil
	})
	conn := connect(t, c)
	var waiting sync.WaitGroup
	for n := range calls {
		waiting.Go(func() {
			var got map[string]int
			if err := conn.Call(t.Context(), "Echo", 1, "Echo", map[string]int{"n": n}, &got); err != nil || got["n"] != n {
				t.Errorf("call %d: got %v, %v", n, got, err)
			}
		})
	}
	waiting.Wait()
}

func TestACancelledCallEndsAtOnceAndItsLateAnswerIsDropped(t *testing.T) {
	t.Parallel()
	arrived, release := make(chan struct{}), make(chan struct{})
	c := start(t, nil, func(ctx context.Context, r wire.Request) (any, *wire.Error) {
		if r.Request == "Slow" {
			close(arrived)
			<-release
			return map[string]string{"from": "slow"}, nil
		}
		return map[string]string{"from": "quick"}, nil
	})
	conn := connect(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- conn.Call(ctx, "Echo", 1, "Slow", nil, nil)
	}()
	<-arrived
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	close(release)
	for range 10 {
		var got map[string]string
		if err := conn.Call(t.Context(), "Echo", 1, "Quick", nil, &got); err != nil || got["from"] != "quick" {
			t.Fatalf("after a late answer: got %v, %v", got, err)
		}
	}
	if conn.Err() != nil {
		t.Errorf("the connection is lost: %v", conn.Err())
	}
}

func TestACutSocketFailsEveryCallWithOneReason(t *testing.T) {
	t.Parallel()
	var arrived sync.WaitGroup
	arrived.Add(5)
	c := start(t, nil, func(ctx context.Context, _ wire.Request) (any, *wire.Error) {
		arrived.Done()
		<-ctx.Done()
		return nil, nil
	})
	conn := connect(t, c)
	ended := make(chan error)
	for range 5 {
		go func() { ended <- conn.Call(context.Background(), "Echo", 1, "Echo", nil, nil) }()
	}
	arrived.Wait()
	c.cut()
	for range 5 {
		if err := <-ended; !errors.Is(err, jujuapi.ErrConnectionLost) || !jujuapi.Retriable(err) || jujuapi.NeedsPerson(err) {
			t.Errorf("got %v, want ErrConnectionLost, retriable", err)
		}
	}
	<-conn.Done()
	if err := conn.Call(t.Context(), "Echo", 1, "Echo", nil, nil); !errors.Is(err, jujuapi.ErrConnectionLost) {
		t.Errorf("call after the loss: got %v, want ErrConnectionLost", err)
	}
}

func TestAMessageThatIsNoFrameEndsTheConnectionWithoutQuotingIt(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	conn := connect(t, c)
	c.mu.Lock()
	for ws := range c.connections {
		if err := ws.Write(t.Context(), 1, []byte(`{"request-id": "s3cret"}`)); err != nil {
			t.Error(err)
		}
	}
	c.mu.Unlock()
	<-conn.Done()
	if err := conn.Err(); !errors.Is(err, jujuapi.ErrConnectionLost) || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerOfTwentyMegabytesIsRead(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x", 20<<20)
	c := start(t, nil, func(context.Context, wire.Request) (any, *wire.Error) { return map[string]string{"text": big}, nil })
	conn := connect(t, c)
	var got map[string]string
	if err := conn.Call(t.Context(), "Echo", 1, "Echo", nil, &got); err != nil || len(got["text"]) != len(big) {
		t.Fatalf("got %d bytes, %v", len(got["text"]), err)
	}
}

func TestErrorsAreKnownByCodeAndNeverByLuck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, message      string
		is                 error
		retriable, aPerson bool
	}{
		{wire.CodeUnauthorized, wire.MessageBadCredentials, jujuapi.ErrBadCredentials, false, true},
		{wire.CodeUnauthorized, wire.MessagePermissionDenied, jujuapi.ErrPermissionDenied, false, true},
		{wire.CodeUnauthorized, "anything", jujuapi.ErrUnauthorized, false, true},
		{wire.CodeModelNotFound, "unknown model", jujuapi.ErrModelNotFound, false, true},
		{wire.CodeNotFound, "application nosuch not found", jujuapi.ErrNotFound, false, false},
		{wire.CodeNotImplemented, "WatchAll not implemented", jujuapi.ErrNotImplemented, false, false},
		{wire.CodeNotSupported, "facade not supported", jujuapi.ErrNotSupported, false, false},
		{wire.CodeOperationBlocked, "frozen", jujuapi.ErrBlocked, false, true},
		{wire.CodeUpgradeInProgress, "upgrade", jujuapi.ErrBusy, true, false},
		{wire.CodeTryAgain, "try again", jujuapi.ErrBusy, true, false},
		{"", "model migration in progress", jujuapi.ErrBusy, true, false},
		{"", "login failed - maintenance in progress", jujuapi.ErrBusy, true, false},
		{wire.CodeRedirect, "redirection required", jujuapi.ErrRedirected, false, true},
		{"", "action name mismatch", nil, false, false},
	}
	var next wire.Error
	c := start(t, nil, func(context.Context, wire.Request) (any, *wire.Error) { return nil, &next })
	conn := connect(t, c)
	for _, test := range tests {
		t.Run(test.code+"/"+test.message, func(t *testing.T) {
			next = wire.Error{Code: test.code, Message: test.message}
			err := conn.Call(t.Context(), "Echo", 1, "Echo", nil, nil)
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("%v is not %v", err, test.is)
			}
			said, ok := errors.AsType[*jujuapi.Error](err)
			if !ok || said.Code != test.code || said.Call != "Echo.Echo" {
				t.Errorf("got %#v", err)
			}
			if got := jujuapi.Retriable(fmt.Errorf("wrapped: %w", err)); got != test.retriable {
				t.Errorf("Retriable = %t, want %t", got, test.retriable)
			}
			if got := jujuapi.NeedsPerson(fmt.Errorf("wrapped: %w", err)); got != test.aPerson {
				t.Errorf("NeedsPerson = %t, want %t", got, test.aPerson)
			}
		})
	}
}

func TestAnAnswerThatDoesNotFitIsAnErrorThatDoesNotQuoteIt(t *testing.T) {
	t.Parallel()
	c := start(t, nil, func(context.Context, wire.Request) (any, *wire.Error) {
		return json.RawMessage(`{"result":{"s3cret":"s3cret"}}`), nil
	})
	conn := connect(t, c)
	_, err := conn.Leader(t.Context(), "etcd")
	if err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}

func TestTheHighestCommonVersionIsUsed(t *testing.T) {
	t.Parallel()
	versions := make(chan int, 1)
	c := start(t, nil, func(_ context.Context, r wire.Request) (any, *wire.Error) {
		versions <- r.Version
		return wire.FullStatus{}, nil
	})
	conn := connect(t, c)
	// The controller offers Client 8 and a 9 that nobody knows yet.
	if _, err := conn.FullStatus(t.Context(), jujuapi.ModelRef{}); err != nil {
		t.Fatal(err)
	}
	if got := <-versions; got != 8 {
		t.Errorf("FullStatus was called at version %d, want 8", got)
	}
	if _, err := conn.Facade("AllWatcher"); !errors.Is(err, jujuapi.ErrNoFacade) || !jujuapi.NeedsPerson(err) {
		t.Errorf("a facade that is absent: got %v", err)
	}
}

func TestCloseWaitsAndMayBeCalledTwice(t *testing.T) {
	t.Parallel()
	c := start(t, nil, empty)
	conn := connect(t, c)
	for range 2 {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := conn.Call(t.Context(), "Echo", 1, "Echo", nil, nil); !errors.Is(err, jujuapi.ErrClosed) || jujuapi.Retriable(err) {
		t.Errorf("call after Close: got %v, want ErrClosed", err)
	}
}

func TestADeadlineEndsACall(t *testing.T) {
	t.Parallel()
	c := start(t, nil, func(ctx context.Context, _ wire.Request) (any, *wire.Error) {
		<-ctx.Done()
		return nil, nil
	})
	conn := connect(t, c)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := conn.Call(ctx, "Echo", 1, "Echo", nil, nil); !errors.Is(err, context.DeadlineExceeded) || !jujuapi.Retriable(err) {
		t.Errorf("got %v, want DeadlineExceeded, retriable", err)
	}
}
