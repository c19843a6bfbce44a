package planner

import "jujuetcd.io/pkg/reconcile/observation"

// Clone is a deep copy.
func Clone(o observation.Observation) observation.Observation { return clone(o) }
