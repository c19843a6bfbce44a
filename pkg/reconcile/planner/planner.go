package planner

import (
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// What follows is for who asks one thing only. Whoever asks several makes one Situation.

// Next is Situation.Next of an observation.
func Next(o observation.Observation) (Step, bool) { return See(o).Next() }

// Plan is Situation.Plan of an observation.
func Plan(o observation.Observation) []Step { return See(o).Plan() }

// Status is Situation.Status of an observation.
func Status(o observation.Observation) v1alpha1.EtcdClusterStatus { return See(o).Status() }

// Desired is Situation.Desired of an observation.
func Desired(o observation.Observation, unit string) v1alpha1.EtcdUnitSpec {
	return See(o).Desired(unit)
}

// Due is Situation.Due of an observation.
func Due(o observation.Observation) time.Time { return See(o).Due() }

// Held is Situation.Held of an observation.
func Held(o observation.Observation) string { return See(o).Held() }

// News is Situation.News of an observation.
func News(o observation.Observation) []string { return See(o).News() }

// ClientsInformed is Situation.ClientsInformed of an observation.
func ClientsInformed(o observation.Observation) bool { return See(o).ClientsInformed() }
