package planner_test

import (
	"testing"

	"jujuetcd.io/pkg/reconcile/planner"
)

// BenchmarkSettledPass is all that a pass over a cluster with nothing to do asks the planner: what is pending, the next step, the status,
// and what each of five units should be.
func BenchmarkSettledPass(b *testing.B) {
	o := settledAndShown(5)
	if step, ok := planner.Next(o); ok {
		b.Fatalf("the cluster is not settled: %s", step.Reason)
	}
	b.ReportAllocs()
	for b.Loop() {
		s := planner.See(o)
		s.Held()
		s.News()
		s.ClientsInformed()
		s.Next()
		s.Status()
		s.Due()
		for _, u := range o.Units {
			s.Desired(u.Name)
			s.Applied(u.Name)
		}
	}
}

// BenchmarkAskedOneByOne is the same, each question making a situation of its own: what the one for all saves.
func BenchmarkAskedOneByOne(b *testing.B) {
	o := settledAndShown(5)
	b.ReportAllocs()
	for b.Loop() {
		planner.Held(o)
		planner.News(o)
		planner.ClientsInformed(o)
		planner.Next(o)
		planner.Status(o)
		planner.Due(o)
		for _, u := range o.Units {
			planner.Desired(o, u.Name)
			planner.Desired(o, u.Name)
		}
	}
}
