package planner

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"

	"jujuetcd.io/pkg/reconcile/observation"
)

// differences is a sentence on what of the units is not as it should be, those that lack the same
// together.
func (in *desired) differences(units []observation.Unit) string {
	var order []string
	lacking := map[string][]observation.Unit{}
	for _, u := range units {
		what := strings.Join(in.differs(u), ", ")
		if lacking[what] == nil {
			order = append(order, what)
		}
		lacking[what] = append(lacking[what], u)
	}
	for i, what := range order {
		order[i] = fmt.Sprintf("%s (%s)", names(lacking[what]), what)
	}
	return "Not as they should be: " + strings.Join(order, ", ") + "."
}

// differs names what of the unit is not as it should be, as far as it has reported what it has
// applied. The rest is in files: a certificate's names, say, or who the peers are.
func (in *desired) differs(u observation.Unit) []string {
	var what []string
	spec := in.specOf(u)
	if a := u.Facts.Applied; a != nil {
		if !equality.Semantic.DeepEqual(a.Options, spec.Options) {
			what = append(what, "options")
		}
		if !slices.Equal(a.Clients, spec.Clients.Endpoints) {
			what = append(what, "clients' endpoints")
		}
	}
	if !slices.Equal(u.OpenedPorts, spec.OpenPorts) {
		what = append(what, "ports")
	}
	if app := spec.Status.Application; u.Shown != spec.Status.Unit || app != nil && *app != in.ApplicationStatus {
		what = append(what, "status")
	}
	if len(in.underway) > 0 && !proves(u, spec.TLS) {
		what = append(what, "proof")
	}
	if len(what) == 0 {
		what = append(what, "files")
	}
	return what
}
