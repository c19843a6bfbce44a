package actions

import (
	"context"
	"fmt"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
)

// health is the action of the same name: what etcdctl cluster-health used to print, from a
// linearizable read through each voter. It fails where the cluster, or the unit's own member, does
// not serve.
func (a action) health(ctx context.Context) error {
	own, view, err := a.machine.Health(ctx)
	if err != nil {
		return a.run.Tools.FailAction(ctx, err.Error())
	}
	lines, fault := report(own, view)
	for _, key := range []string{v1alpha1.ResultOutput, v1alpha1.ResultMapMessage} {
		if err := a.run.Tools.SetActionResult(ctx, key, strings.Join(lines, "\n")); err != nil {
			return err
		}
	}
	if fault == "" {
		return nil
	}
	return a.run.Tools.FailAction(ctx, fault)
}

// report is a line per member and one for the cluster, and why the action fails, if it does.
func report(own etcdops.EndpointHealth, view etcdops.View) (lines []string, fault string) {
	if !view.Listed {
		reason := view.Err
		if own.Fault != etcdops.FaultNone {
			reason = own.Reason()
		}
		lines = append(lines, fmt.Sprintf("failed to list members: %s", reason), "cluster is unavailable")
		return lines, "cluster is unavailable: " + reason
	}
	for _, m := range view.Members {
		h := view.HealthOf(m)
		switch {
		case !m.Started():
			lines = append(lines, fmt.Sprintf("member %s has not started: %s", m.ID, strings.Join(m.PeerURLs, ",")))
		case h.Healthy() && m.Learner:
			lines = append(lines, fmt.Sprintf("member %s is a learner: got healthy result from %s", m.ID, h.Endpoint))
		case h.Healthy():
			lines = append(lines, fmt.Sprintf("member %s is healthy: got healthy result from %s", m.ID, h.Endpoint))
		default:
			lines = append(lines, fmt.Sprintf("member %s is unhealthy: got unhealthy result from %s: %s",
				m.ID, strings.Join(m.ClientURLs, ","), h.Reason()))
		}
	}
	// A learner that is not there yet makes no cluster ill.
	voters, healthy := len(view.Voters()), len(view.HealthyVoters())
	verdict := "cluster is healthy"
	switch {
	case healthy < etcdops.Quorum(voters):
		verdict = "cluster is unavailable"
	case healthy < voters:
		verdict = "cluster is degraded"
	}
	lines = append(lines, verdict)
	switch {
	case healthy < voters:
		return lines, fmt.Sprintf("%s: %d of %d voters serve", verdict, healthy, voters)
	case !own.Healthy():
		return lines, "this unit's member does not serve: " + own.Reason()
	}
	return lines, ""
}
