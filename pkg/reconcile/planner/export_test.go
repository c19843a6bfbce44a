package planner

import (
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Clone is a deep copy.
func Clone(o observation.Observation) observation.Observation { return clone(o) }

// Actions that begin drills, and how long DrillWatch lasts.
const (
	DrillStop      = "drill-stop"
	DrillWatch     = "drill-watch"
	DrillStamp     = "drill-stamp"
	DrillSoaks     = 5 * time.Minute
	DrillMarkOf    = "drill.example"
	DrillNoWayBack = "no way back"
)

// Drills ask of the frame what no operation asks yet: an urgent one that stops all members in a
// phase that is sole, with a way back, and one that leaves the members alone for a time.
func init() {
	stampDrills = []stamp{{name: "drill", action: DrillStamp, words: "a drill", spec: func(s *v1alpha1.EtcdUnitSpec, raised int64) {
		if raised > 0 {
			s.TLS.ExtraSANs = append(s.TLS.ExtraSANs, DrillMarkOf)
		}
	}}}
	drills = []procedure{
		{
			name: "stop drill", action: DrillStop, protocol: v1alpha1.ProtocolHalt, urgent: true, begin: func(_ *journal, r v1alpha1.Request) (map[string]string, string) {
				return map[string]string{"unit": r.Subject}, ""
			},
			subjects: func(e v1alpha1.JournalEntry) []string { return strings.Fields(e.Notes["unit"]) },
			phases: []phase{{name: "stop", sole: true, words: "all members are stopped", spec: halted, gate: nobodyAnswers},
				{name: "run", words: "the members have run for a while", gate: soaked(DrillSoaks)}},
			back: []phase{{name: "stop", words: "the members run again", gate: soaked(0)}},
			mayBack: func(in *journal, _ v1alpha1.JournalEntry) string {
				if in.ApplicationStatus.Message == DrillNoWayBack {
					return "a drill says so"
				}
				return ""
			},
		},
		{
			name: "watch drill", action: DrillWatch, begin: beginDrill,
			phases: []phase{{name: "watch", words: "nothing has happened for a while", gate: soaked(DrillSoaks),
				spec: func(_ *journal, _ v1alpha1.JournalEntry, _ observation.Unit, s *v1alpha1.EtcdUnitSpec) {
					s.TLS.ExtraSANs = append(s.TLS.ExtraSANs, DrillMarkOf)
				}}},
			mayBack: func(*journal, v1alpha1.JournalEntry) string { return "it has no way back" },
		},
	}
}

func beginDrill(*journal, v1alpha1.Request) (map[string]string, string) { return nil, "" }

// halted is one unit, if the entry names one, or all.
func halted(_ *journal, e v1alpha1.JournalEntry, u observation.Unit, s *v1alpha1.EtcdUnitSpec) {
	if one := e.Notes["unit"]; one != "" && one != u.Name {
		return
	}
	s.Service.State, s.Etcd.Initial = v1alpha1.ServiceHalted, nil
}

func nobodyAnswers(in *journal, _ v1alpha1.JournalEntry) string {
	for _, m := range in.Etcd.Members {
		if in.Etcd.HealthOf(m).Answered {
			return etcdops.OneLine(label(m)+" answers", 80)
		}
	}
	return ""
}
