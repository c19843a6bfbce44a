package pause_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"jujuetcd.io/pkg/pause"
)

func TestAPauseEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if err := pause.For(t.Context(), time.Minute); err != nil || time.Since(began) != time.Minute {
			t.Errorf("a pause of a minute ended after %s with %v", time.Since(began), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began = time.Now()
		if err := pause.For(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("a pause that was cut short after a second ended after %s with %v", time.Since(began), err)
		}
	})
}
