package charm

import (
	"context"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// portChange is what must happen to the unit's ports.
type portChange struct{ open, close []int32 }

func (c portChange) none() bool { return len(c.open)+len(c.close) == 0 }

// portsDue compares what is open with what the spec says.
func (a *Agent) portsDue(ctx context.Context, spec *v1alpha1.EtcdUnitSpec) (portChange, error) {
	open, err := a.run.Tools.OpenedPorts(ctx)
	if err != nil {
		return portChange{}, err
	}
	want := slices.Compact(slices.Sorted(slices.Values(spec.OpenPorts)))
	return portChange{open: without(want, open), close: without(open, want)}, nil
}

// without are those of a list that another has not.
func without(list, other []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(list), func(p int32) bool { return slices.Contains(other, p) })
}

// setPorts hands the change to Juju and says what it was.
func (a *Agent) setPorts(ctx context.Context, c portChange) ([]string, error) {
	var done []string
	for _, port := range c.close {
		if err := a.run.Tools.ClosePort(ctx, port); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("close-port %d/tcp", port))
	}
	for _, port := range c.open {
		if err := a.run.Tools.OpenPort(ctx, port); err != nil {
			return done, err
		}
		done = append(done, fmt.Sprintf("open-port %d/tcp", port))
	}
	return done, nil
}
