package server_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// A session sees what is pending and what runs on an application's units, until it has ended, in one call once it has begun.
func TestTasksOfAllActionsAreSeenUntilTheyHaveEnded(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		t.Run(p.Name, func(t *testing.T) {
			h, m := smallOf(t, p, server.Options{})
			_, err := m.Refresh("etcd", lab(t, labMetadata, labConfig, labActions+"reconcile: {}\n"))
			must(t, err)
			_, err = m.AddUnits("etcd", 1, nil)
			must(t, err)
			_, err = m.Deploy(model.DeployArgs{Charm: lab(t, "name: client\n", "", labActions), Name: "etcd-client", NumUnits: 1})
			must(t, err)
			enqueue := func(unit, name string, params map[string]any) {
				t.Helper()
				_, tasks, err := m.Enqueue([]model.TaskRequest{{Receiver: unit, Name: name, Params: params}})
				must(t, err)
				must(t, tasks[0].Err)
			}
			known := jujuapi.Controller{Addresses: []string{h.Address()}, CACert: h.CA(), Username: "writer", Password: password}
			session := jujuapi.OpenModel(t.Context(), known, jujuapi.ModelRef{Owner: "admin", Name: "demo", UUID: m.UUID}, jujuapi.Options{Action: v1alpha1.ActionReconcile})
			defer session.Close()
			sees := func(when string, want ...string) {
				t.Helper()
				got, err := seen(t.Context(), session)
				must(t, err)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", when, diff)
				}
			}
			sees("at first")
			_, err = session.Enqueue(t.Context(), "etcd/0", v1alpha1.ActionReconcile, nil)
			must(t, err)
			enqueue("etcd/1", "snapshot", nil)
			enqueue("etcd/0", model.Exec, map[string]any{"command": "true", "timeout": 0})
			enqueue("etcd-client/0", "health", nil)
			sees("pending", "etcd/0 juju-exec pending", "etcd/0 reconcile pending", "etcd/1 snapshot pending")
			claimed, _, err := m.ClaimTask("etcd/1")
			must(t, err)
			sees("one runs", "etcd/0 juju-exec pending", "etcd/0 reconcile pending", "etcd/1 snapshot running")
			must(t, m.FinishTask(claimed.ID, model.TaskFailed, "no room", nil))
			sees("one has ended", "etcd/0 juju-exec pending", "etcd/0 reconcile pending")
		})
	}
}

func seen(ctx context.Context, s *jujuapi.Session) ([]string, error) {
	tasks, err := s.Tasks(ctx, "etcd")
	var all []string
	for _, t := range tasks {
		all = append(all, fmt.Sprintf("%s %s %s", t.Unit, t.Name, t.Status))
	}
	slices.Sort(all)
	return all, err
}
