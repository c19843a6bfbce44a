package planner

// planLimit bounds a plan: it is for people, and the world changes before its end.
const planLimit = 64

// Plan returns the steps ahead, the first being Next's, each made from the observation that the one before it is expected to
// lead to (see Predict). A Wait ends it, as does the point where nothing is left to do; it has at most 64 steps. Windows of
// time, such as the stability that growth waits for, are taken to pass.
func (in *Situation) Plan() []Step {
	var steps []Step
	for range planLimit {
		step, ok := in.Next()
		if !ok {
			break
		}
		steps = append(steps, step)
		if step.Kind == StepWait {
			break
		}
		in = See(in.predict(step))
	}
	return steps
}
