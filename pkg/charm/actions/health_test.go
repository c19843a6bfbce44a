package actions_test

import (
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/charmtest"
	"jujuetcd.io/pkg/etcdops"
)

func TestHealthActionFailsWhereTheClusterDoesNotServe(t *testing.T) {
	u := newUnit(t)
	u.machine.view = charmtest.Healthy()
	u.machine.own = u.machine.view.Health["https://10.0.0.4:2379"]
	u.do(v1alpha1.ActionHealth, "")
	want := "member 0000000000000001 is healthy: got healthy result from https://10.0.0.4:2379\ncluster is healthy"
	if got := u.juju.Results["output"]; got != want || u.juju.Results["result-map.message"] != want || u.juju.Failure != "" {
		t.Errorf("output %q, failure %q", got, u.juju.Failure)
	}
	u.machine.own, u.machine.view = charmtest.Down()
	u.do(v1alpha1.ActionHealth, "")
	if !strings.HasSuffix(u.juju.Results["output"], "cluster is unavailable") || !strings.Contains(u.juju.Failure, "connection refused") {
		t.Errorf("output %q, failure %q", u.juju.Results["output"], u.juju.Failure)
	}
	view := charmtest.Three(2)
	view.Members = append(view.Members, etcdops.Member{ID: 9, PeerURLs: []string{"https://10.0.0.7:2380"}, Learner: true})
	u.machine.view, u.machine.own = view, view.Health["https://10.0.0.4:2379"]
	u.do(v1alpha1.ActionHealth, "")
	for _, line := range []string{"member 0000000000000003 is unhealthy", "member 0000000000000009 has not started", "\ncluster is degraded"} {
		if !strings.Contains(u.juju.Results["output"], line) {
			t.Errorf("output %q lacks %q", u.juju.Results["output"], line)
		}
	}
	if !strings.Contains(u.juju.Failure, "2 of 3 voters serve") {
		t.Errorf("failure %q", u.juju.Failure)
	}
	view = charmtest.Three()
	u.machine.view, u.machine.own = view, etcdops.EndpointHealth{Fault: etcdops.FaultRefused}
	u.do(v1alpha1.ActionHealth, "")
	if !strings.Contains(u.juju.Failure, "this unit's member does not serve") {
		t.Errorf("failure %q", u.juju.Failure)
	}
}
