package reconcile

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// The daemon's own metrics; controller-runtime adds those of queues and workers. Label values are models, applications and
// constants, never units' messages.
var (
	stepsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jujuetcd_steps_total",
		Help: "Steps that were taken, by kind and outcome (done, handed, failed).",
	}, []string{"model", "application", "kind", "outcome"})
	deliveriesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jujuetcd_deliveries_total",
		Help: "Desired states that were delivered to units, by outcome.",
	}, []string{"model", "application", "outcome"})
	deliverySeconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "jujuetcd_delivery_seconds",
		Help:    "Time from queueing a delivery to its observed end, Juju's share included.",
		Buckets: []float64{.25, .5, 1, 2, 5, 10, 20, 40, 80, 160},
	}, []string{"model", "application"})
	membersGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_members",
		Help: "Members of a cluster, by state (healthy, unhealthy, learner, unstarted).",
	}, []string{"model", "application", "state"})
	toleranceGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_fault_tolerance",
		Help: "How many more voters a cluster can lose and keep quorum; negative without quorum.",
	}, []string{"model", "application"})
	planGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_planned_steps",
		Help: "Steps ahead in the plan of a cluster; zero when it is as wanted.",
	}, []string{"model", "application"})
	blindGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_blind_spots",
		Help: "What could not be seen at the last look at a cluster.",
	}, []string{"model", "application"})
	snapshotTimeGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_snapshot_last_timestamp_seconds",
		Help: "For which time of its schedule a cluster has its last good snapshot; absent without one.",
	}, []string{"model", "application"})
	snapshotSizeGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_snapshot_last_size_bytes",
		Help: "Size of the last good snapshot of a cluster's schedule; absent without one.",
	}, []string{"model", "application"})
	snapshotOverdueGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_snapshot_overdue",
		Help: "1 while a cluster's schedule of snapshots was not kept at two times in a row, 0 while it is kept; absent without a schedule.",
	}, []string{"model", "application"})
	drillTimeGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_restore_drill_last_timestamp_seconds",
		Help: "For which time of its timetable a snapshot of a cluster was last restored for a trial, from the disk of a unit or from the store (source), and was as it should be; absent without one.",
	}, []string{"model", "application", "source"})
	drillFailingGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_restore_drill_failing",
		Help: "1 while a cluster's last restore drill has failed, or two in a row were missed, else 0; absent without a timetable of drills. source says which snapshots it is of: unit or store.",
	}, []string{"model", "application", "source"})
	jujuRequests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jujuetcd_juju_requests_total",
		Help: "Calls to the Juju controller, by model, call and outcome (ok, error).",
	}, []string{"model", "call", "outcome"})
	pollInterval = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_juju_poll_interval_seconds",
		Help: "Time to the next read of a model; it adapts to what happens there.",
	}, []string{"model"})
	modelConnected = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_model_connected",
		Help: "1 while there is a connection to the model.",
	}, []string{"model"})
	modelPushed = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_model_pushed",
		Help: "1 while Juju tells of changes in the model, 0 while it is polled.",
	}, []string{"model"})
	recordsTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jujuetcd_events_total",
		Help: "What has happened with a cluster, by kind (Step, StepDone, StepFailed, Delivery, Waiting, Settled, Phase, Juju).",
	}, []string{"model", "application", "kind"})
	probesTotal = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "jujuetcd_probes_total",
		Help: "Looks of the health prober, by whether they showed a change.",
	}, []string{"model", "application", "changed"})
)

func init() {
	metrics.Registry.MustRegister(stepsTotal, deliveriesTotal, deliverySeconds, membersGauge, toleranceGauge, planGauge, blindGauge,
		snapshotTimeGauge, snapshotSizeGauge, snapshotOverdueGauge, drillTimeGauge, drillFailingGauge,
		jujuRequests, pollInterval, modelConnected, modelPushed, recordsTotal, probesTotal)
}

// Outcomes of a step, as label values.
const (
	outcomeDone   = "done"
	outcomeHanded = "handed"
	outcomeFailed = "failed"
)

// measureSnapshots shows how a schedule of snapshots is kept; nil is no schedule.
func measureSnapshots(model, application string, s *v1alpha1.SnapshotStatus) {
	labels := prometheus.Labels{"model": model, "application": application}
	switch {
	case s == nil:
		snapshotOverdueGauge.Delete(labels)
	case s.Overdue:
		snapshotOverdueGauge.With(labels).Set(1)
	default:
		snapshotOverdueGauge.With(labels).Set(0)
	}
	if s == nil || s.Last == nil {
		snapshotTimeGauge.Delete(labels)
		snapshotSizeGauge.Delete(labels)
		return
	}
	// The unit's own clock may be wrong, and the time of the schedule is the daemon's.
	if at, known := v1alpha1.ParseTick(s.Last.ID); known {
		snapshotTimeGauge.With(labels).Set(float64(at.Unix()))
		snapshotSizeGauge.With(labels).Set(float64(s.Last.Size))
	}
}

// measureDrills shows how a timetable of restore drills is kept; nil is none.
func measureDrills(model, application string, s *v1alpha1.DrillStatus) {
	// What was tried before the policy has said another source says nothing any more.
	for _, from := range []string{v1alpha1.DrillFromUnit, v1alpha1.DrillFromStore} {
		labels := prometheus.Labels{"model": model, "application": application, "source": from}
		if s == nil || s.From != from {
			drillFailingGauge.Delete(labels)
		}
		if s == nil || s.From != from || s.Last == nil {
			drillTimeGauge.Delete(labels)
		}
	}
	if s == nil {
		return
	}
	labels, failing := prometheus.Labels{"model": model, "application": application, "source": s.From}, 0.0
	if s.Failing {
		failing = 1
	}
	drillFailingGauge.With(labels).Set(failing)
	if s.Last == nil {
		return
	}
	if at, known := v1alpha1.ParseTick(s.Last.ID); known {
		drillTimeGauge.With(labels).Set(float64(at.Unix()))
	}
}

// forgetMetrics drops the gauges of a cluster that is gone.
func forgetMetrics(k ClusterKey) {
	labels := prometheus.Labels{"model": k.Model, "application": k.Application}
	for _, g := range []*prometheus.GaugeVec{membersGauge, toleranceGauge, planGauge, blindGauge, snapshotTimeGauge, snapshotSizeGauge, snapshotOverdueGauge,
		drillTimeGauge, drillFailingGauge} {
		g.DeletePartialMatch(labels)
	}
	for _, g := range seenGauges {
		g.DeletePartialMatch(labels)
	}
}
