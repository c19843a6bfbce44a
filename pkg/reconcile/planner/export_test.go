package planner

// Clone is a deep copy.
func Clone(o Observation) Observation { return clone(o) }
