// Package pause waits for a time that a context can cut short.
//
//	if err := pause.For(ctx, time.Second); err != nil { … }
//
// It is for the few places that look again after a while because nothing would wake them. Safe for concurrent use.
package pause

import (
	"context"
	"time"
)

// For returns nil when the time has passed, or the context's error when that ends first. No time, or less, is over at once.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
