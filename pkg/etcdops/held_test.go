package etcdops_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/etcdops"
)

func TestWhatIsDoneUnderALockEndsWithIt(t *testing.T) {
	for _, test := range []struct {
		name string
		lost func() chan struct{}
		// ends is when the context must have ended by itself; zero: never.
		ends time.Duration
		want error
	}{
		{"lost", func() chan struct{} {
			c := make(chan struct{})
			time.AfterFunc(3*time.Second, func() { close(c) })
			return c
		}, 3 * time.Second, etcdops.ErrLockLost},
		{"lease over, and nobody has said so", func() chan struct{} { return make(chan struct{}) }, 10 * time.Second, nil},
		{"cannot be lost", func() chan struct{} { return nil }, 0, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				held, stop := etcdops.Held(t.Context(), test.lost(), began.Add(10*time.Second))
				select {
				case <-held.Done():
				case <-time.After(time.Hour):
				}
				if took := time.Since(began); test.ends != 0 && took != test.ends || test.ends == 0 && held.Err() != nil {
					t.Errorf("it ended after %s, not %s: %v", took, test.ends, context.Cause(held))
				}
				if test.want != nil && !errors.Is(context.Cause(held), test.want) {
					t.Errorf("its cause is %v, not %v", context.Cause(held), test.want)
				}
				stop()
				stop()
				if held.Err() == nil {
					t.Error("it goes on after stop")
				}
			})
		})
	}
}
