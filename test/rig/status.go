package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is what `juju status --format json` shows, as far as tests ask.
type Status struct {
	Applications map[string]ApplicationStatus `json:"applications"`
}

// ApplicationStatus is one application of it.
type ApplicationStatus struct {
	Status StatusLine            `json:"application-status"`
	Units  map[string]UnitStatus `json:"units"`
}

// UnitStatus is one unit of it.
type UnitStatus struct {
	Workload      StatusLine `json:"workload-status"`
	Agent         StatusLine `json:"juju-status"`
	Leader        bool       `json:"leader"`
	Machine       string     `json:"machine"`
	OpenPorts     []string   `json:"open-ports"`
	PublicAddress string     `json:"public-address"`

	Subordinates map[string]UnitStatus `json:"subordinates"`
}

// StatusLine is a status word and its message.
type StatusLine struct {
	Current string `json:"current"`
	Message string `json:"message"`
}

// String is the line as a person reads it.
func (l StatusLine) String() string { return strings.TrimSpace(l.Current + " " + l.Message) }

// UnitNames are the application's units, sorted.
func (s Status) UnitNames(application string) []string {
	var names []string
	for name := range s.Applications[application].Units {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Unit returns one unit; the zero value if it is not there.
func (s Status) Unit(name string) UnitStatus {
	application, _, _ := strings.Cut(name, "/")
	return s.Applications[application].Units[name]
}

// Leader is the application's leader unit, empty if none.
func (s Status) Leader(application string) string {
	for name, u := range s.Applications[application].Units {
		if u.Leader {
			return name
		}
	}
	return ""
}

// Status asks jujusim for the model's status.
func (r *Rig) Status(ctx context.Context) (Status, error) {
	var s Status
	text, err := r.Juju(ctx, "status", "--format", "json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return s, fmt.Errorf("cannot read the status: %w", err)
	}
	s.placeSubordinates()
	return s, nil
}

// placeSubordinates puts subordinate units under their own applications, where one looks for them,
// with their principal's machine.
func (s Status) placeSubordinates() {
	for _, principal := range s.Applications {
		for _, u := range principal.Units {
			for name, unit := range u.Subordinates {
				application, _, _ := strings.Cut(name, "/")
				own := s.Applications[application]
				if own.Units == nil {
					own.Units = map[string]UnitStatus{}
				}
				unit.Machine = u.Machine
				own.Units[name] = unit
				s.Applications[application] = own
			}
		}
	}
}

// Condition says whether a status is the awaited one, and if not, what is missing.
type Condition func(Status) (ok bool, missing string)

// awaitEvery is how often Await asks. To ask takes 10 ms of a core, in a process of its own.
const awaitEvery = 250 * time.Millisecond

// Await polls the status until the condition holds, and returns how long that took. It ends with an
// error that says what was missing when the context does.
func (r *Rig) Await(ctx context.Context, want Condition) (time.Duration, error) {
	begin := time.Now()
	missing := "no status yet"
	for {
		s, err := r.Status(ctx)
		if err == nil {
			var ok bool
			if ok, missing = want(s); ok {
				return time.Since(begin), nil
			}
		} else if ctx.Err() == nil {
			missing = err.Error()
		}
		if !r.sim.running() {
			return 0, fmt.Errorf("cannot go on waiting: jujusim has ended; its log is %s", r.logPath("jujusim"))
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("waited %s in vain: %s", time.Since(begin).Round(time.Second), missing)
		case <-time.After(awaitEvery):
		}
	}
}

// Healthy is the condition that all n units of the application are active, know n peers, and have a
// port open for clients.
func Healthy(application string, n int) Condition {
	want := fmt.Sprintf("Healthy with %d known peers", n)
	if n == 1 {
		want = "Healthy with 1 known peer"
	}
	return func(s Status) (bool, string) {
		units := s.UnitNames(application)
		if len(units) != n {
			return false, fmt.Sprintf("%d of %d units", len(units), n)
		}
		for _, name := range units {
			if line := s.Unit(name).Workload; line.Current != "active" || line.Message != want {
				return false, fmt.Sprintf("%s is %s, not active %s", name, line, want)
			}
			// A unit opens its port right after it has said that it is healthy, in a commit of its
			// own.
			if len(s.Unit(name).OpenPorts) == 0 {
				return false, name + " has no port open"
			}
		}
		return true, ""
	}
}

// All is the condition that all of them hold.
func All(conditions ...Condition) Condition {
	return func(s Status) (bool, string) {
		for _, c := range conditions {
			if ok, missing := c(s); !ok {
				return false, missing
			}
		}
		return true, ""
	}
}

// ApplicationShows is the condition that the application has the status word and its message
// contains the text.
func ApplicationShows(application, current, text string) Condition {
	return func(s Status) (bool, string) {
		line := s.Applications[application].Status
		return line.Current == current && strings.Contains(line.Message, text), fmt.Sprintf("%s is %s, not %s …%s…", application, line, current, text)
	}
}

// UnitShows is the condition that the unit has the status word and its message contains the text.
func UnitShows(unit, current, text string) Condition {
	return func(s Status) (bool, string) {
		line := s.Unit(unit).Workload
		return line.Current == current && strings.Contains(line.Message, text), fmt.Sprintf("%s is %s, not %s …%s…", unit, line, current, text)
	}
}
