package server_test

import (
	"context"
	"testing"
	"time"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/pause"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
	"jujuetcd.io/test/conformance"
)

// agent runs a unit's tasks until ctx is done: every action has the same output.
func agent(ctx context.Context, t *testing.T, m *model.Model, unit string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for revision := uint64(0); ; {
			for {
				task, ok, err := m.ClaimTask(unit)
				if err != nil {
					t.Error(err)
					return
				}
				if !ok {
					break
				}
				if err := m.LogTask(task.ID, "checking"); err != nil {
					t.Error(err)
				}
				output := map[string]any{"return-code": 0, "result": map[string]any{"members": "1"}}
				if err := m.FinishTask(task.ID, model.TaskCompleted, "", output); err != nil {
					t.Error(err)
				}
			}
			var err error
			if revision, err = m.Wait(ctx, revision); err != nil {
				return
			}
		}
	}()
	return done
}

// leave ends a unit as its agent does, once Juju wants it to go.
func leave(ctx context.Context, t *testing.T, m *model.Model, unit string) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for revision := uint64(0); ; {
			u, err := m.Unit(unit)
			if err != nil {
				t.Error(err)
				return
			}
			if u.Life == model.Dying {
				must(t, m.LeaveScope(unit, 0))
				must(t, m.UnitDead(unit))
				_ = pause.For(ctx, m.DeadFor())
				must(t, m.UnitGone(unit))
				return
			}
			if revision, err = m.Wait(ctx, revision); err != nil {
				return
			}
		}
	}()
	return done
}

func TestConformance(t *testing.T) {
	for _, name := range profile.Names() {
		t.Run(name, func(t *testing.T) {
			p, err := profile.ByName(name)
			must(t, err)
			h, m := smallOf(t, p, server.Options{})
			must(t, m.MachineStarted("0", model.MachineFacts{Addresses: []string{"127.0.0.9"}}))
			must(t, m.EnterScope("etcd/0", 0))
			must(t, m.SetAgentStatus("etcd/0", "idle", ""))
			must(t, m.SetWorkloadStatus("etcd/0", "active", "ready"))
			ctx, cancel := context.WithCancel(t.Context())
			done := agent(ctx, t, m, "etcd/0")
			defer func() { cancel(); <-done }()
			_, err = m.AddUnits("etcd", 1, nil)
			must(t, err)
			must(t, m.MachineStarted("1", model.MachineFacts{Addresses: []string{"127.0.0.10"}}))
			must(t, m.AgentUp("etcd/1"))
			must(t, m.EnterScope("etcd/1", 0))
			must(t, m.SetAgentStatus("etcd/1", "idle", ""))
			gone := leave(ctx, t, m, "etcd/1")
			defer func() { cancel(); <-gone }()
			conformance.Run(t, conformance.Config{
				Controller: jujuapi.Controller{
					Name: "jujusim", Addresses: []string{h.Address()}, CACert: h.CA(), Username: "writer", Password: password,
				},
				Model: "admin/demo", Application: "etcd", Action: "health", Strict: true, ReaderName: "reader", ReaderPassword: password,
				Leaver: "etcd/1", Wait: time.Minute,
			})
		})
	}
}
