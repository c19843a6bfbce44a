package etcdops

import (
	"fmt"
	"strings"
)

// Occupant is what of another's lies on a unit's machine.
type Occupant struct {
	// Units are whose it may be, as people call them; none: nobody's.
	Units []string
	// Dir and Cluster report the data that is there; empty if there is none.
	Dir, Cluster string
	// Runs says that etcd runs there.
	Runs bool
}

// UnitOf names a unit for somebody of another application.
func UnitOf(unit string, sameModel bool) string {
	if !sameModel {
		return unit + " of another model"
	}
	application, _, _ := strings.Cut(unit, "/")
	return fmt.Sprintf("%s of application %s", unit, application)
}

// OccupiedWords are for a unit whose machine is another's.
func OccupiedWords(o Occupant) Words {
	return Words{State: Blocked, Message: occupied(o)}
}

func occupied(o Occupant) string {
	switch {
	case len(o.Units) == 1:
		return fmt.Sprintf("%s runs on this machine: one machine can carry one member; remove one of the two units, or what a removed one has left", o.Units[0])
	case len(o.Units) > 1:
		return fmt.Sprintf("%s have all been on this machine, and it cannot be told whose it is: remove the units that are not to stay",
			strings.Join(o.Units, " and "))
	case o.Dir != "":
		return fmt.Sprintf("data of a member of cluster %s is in %s, and no unit here has put it there: move it away to begin anew",
			o.Cluster, o.Dir)
	}
	return "an etcd that no unit has started runs on this machine: stop it with snap stop --disable etcd to begin"
}

// Gone says whether a member is certain to be no member of its cluster any more, so that what is
// left of it may be set aside: nil, or why not. Nothing is concluded from a list that could not be
// had, or that is another cluster's.
func Gone(v View, cluster ClusterID, id MemberID) error {
	switch {
	case !v.Listed:
		return fmt.Errorf("cannot take member %s for gone: there is no current member list (%s)", id, v.Err)
	case cluster == 0 || v.ClusterID != cluster:
		return fmt.Errorf("cannot take member %s for gone: the member list is that of cluster %s, and it was one of %s", id, v.ClusterID, cluster)
	}
	if m, there := v.Member(id); there {
		return fmt.Errorf("cannot take member %s for gone: it is in the member list, as %s", id, m.Name)
	}
	return nil
}
