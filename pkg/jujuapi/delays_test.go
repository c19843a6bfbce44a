package jujuapi

import (
	"errors"
	"testing"
	"time"
)

// A connection that is made and lost again and again is made again within seconds; only a
// controller that does not let us in at all is left alone for longer and longer.
func TestFlappingDoesNotStopUsFromListening(t *testing.T) {
	lost, refused := errors.New("connection lost"), errors.New("connection refused")
	d := newDelays()
	for i := range 20 {
		if delay := d.after(3*time.Second, lost); delay > flapMax || delay <= 0 {
			t.Fatalf("after flap %d: %s", i, delay)
		}
	}
	longest := time.Duration(0)
	for range 20 {
		longest = max(longest, d.after(0, refused))
	}
	if longest < 20*time.Second || longest > redialMax {
		t.Errorf("a controller that is away is tried every %s", longest)
	}
	if delay := d.after(time.Second, lost); delay > flapMax {
		t.Errorf("after it came back: %s", delay)
	}
	if delay := d.after(0, refused); delay > 2*redialMin {
		t.Errorf("a failure after that: %s", delay)
	}
	if delay := d.after(steadyAfter, lost); delay != 0 {
		t.Errorf("after a steady connection: %s", delay)
	}
}
