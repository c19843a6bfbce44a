package planner

import (
	"fmt"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// stamp is an operation that needs no phases. An action raises a number in the latch to that of its
// task; what a unit should be says the number, and all that follows is there already: who differs
// is updated or restarted in its turn. Each has a file of its own, stamp_<operation>.go, and a row
// of stamps.
type stamp struct {
	// name is its key in the latch, action the kind of request that raises it.
	name, action string
	// protocol is the first whose agents know it; zero for ProtocolProcedures.
	protocol int
	// words are what was asked for.
	words string
	// spec says the number in what a unit should be; zero means that nobody has asked yet.
	spec func(s *v1alpha1.EtcdUnitSpec, raised int64)
}

// stamps are all that this version knows.
func stamps() []stamp { return append([]stamp{rollingRestart(), defragmentation()}, stampDrills...) }

// stampDrills are stamps that tests add.
var stampDrills []stamp

// raisedBy is the stamp that an action raises.
func raisedBy(action string) (stamp, bool) {
	i := slices.IndexFunc(stamps(), func(s stamp) bool { return s.action == action })
	if i < 0 {
		return stamp{}, false
	}
	return stamps()[i], true
}

// stamped says the latch's numbers in what a unit should be.
func (in *journal) stamped(spec *v1alpha1.EtcdUnitSpec) {
	for _, s := range stamps() {
		s.spec(spec, in.Latch.Stamps[s.name])
	}
}

// raise raises a stamp to the number of the task that asks for it.
func (in *orders) raise(s stamp, a asking, handled map[string]int64) Step {
	return in.latchStep(StepStamp, fmt.Sprintf("%s asks for %s.", a, s.words), in.epoch(),
		v1alpha1.LatchRequest{Handled: handled, Stamps: map[string]int64{s.name: a.request.Task}})
}
