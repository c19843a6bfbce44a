package charm

import (
	"context"
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// ports opens and closes what the spec says, last and alone: a port that another application of the machine has open fails
// the whole commit of a task that Juju then shows as completed. While other writes wait for that commit the delivery is in
// progress, and the next one of the same spec, which has nothing else to write, sets the ports. A delivery that writes the
// latch leaves ports alone: it must not be asked for again.
func (a *Agent) ports(ctx context.Context, spec *v1alpha1.EtcdUnitSpec, status v1alpha1.EtcdUnitStatus) (v1alpha1.EtcdUnitStatus, error) {
	if status.Outcome != v1alpha1.OutcomeApplied || spec.Latch != nil {
		return status, nil
	}
	open, err := a.tools.OpenedPorts(ctx)
	if err != nil {
		return status, err
	}
	want := slices.Compact(slices.Sorted(slices.Values(spec.OpenPorts)))
	if slices.Equal(open, want) {
		return status, nil
	}
	if a.tools.Pending() > 0 {
		status.Outcome = v1alpha1.OutcomeInProgress
		status.Message = "The machine is as it should be; ports are set by the next delivery, alone."
		return status, nil
	}
	for _, port := range open {
		if slices.Contains(want, port) {
			continue
		}
		if err := a.tools.ClosePort(ctx, port); err != nil {
			return status, err
		}
		status.Changed = append(status.Changed, portName("close", port))
	}
	for _, port := range want {
		if slices.Contains(open, port) {
			continue
		}
		if err := a.tools.OpenPort(ctx, port); err != nil {
			return status, err
		}
		status.Changed = append(status.Changed, portName("open", port))
	}
	return status, nil
}

func portName(verb string, port int32) string { return fmt.Sprintf("%s-port %d/tcp", verb, port) }
