package reconcile

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// What was seen of a cluster and is shown for alerts (deploy/alerts/jujuetcd.rules.yaml) besides its
// members and its plan.
var (
	leadingGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_leading",
		Help: "0 while this daemon stands by because another one leads the cluster, else 1.",
	}, []string{"model", "application"})
	alarmsGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_alarms",
		Help: "Members that etcd's list of alarms names, by alarm (NOSPACE, CORRUPT); as it was when it could last be read.",
	}, []string{"model", "application", "alarm"})
	certificateBeginGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_certificate_begin_timestamp_seconds",
		Help: "From when on a certificate of a unit is valid.",
	}, certificateLabels)
	certificateExpiryGauge = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "jujuetcd_certificate_expiry_timestamp_seconds",
		Help: "Until when a certificate of a unit is valid (server certificate, client certificate, certificate authority).",
	}, certificateLabels)
	certificateLabels = []string{"model", "application", "unit", "certificate"}

	seenGauges = []*prometheus.GaugeVec{leadingGauge, alarmsGauge, certificateBeginGauge, certificateExpiryGauge}
)

func init() {
	for _, g := range seenGauges {
		metrics.Registry.MustRegister(g)
	}
}

// measureSeen shows what was seen of the cluster. It is the pass's.
func (c *cluster) measureSeen(obs observation.Observation, status v1alpha1.EtcdClusterStatus) {
	labels := prometheus.Labels{"model": c.key.Model, "application": c.key.Application}
	leadingGauge.With(labels).Set(1)
	for _, condition := range status.Conditions {
		if condition.Type == v1alpha1.ConditionLeading && condition.Status == "False" {
			leadingGauge.With(labels).Set(0)
		}
	}
	if obs.Etcd.Listed && obs.Etcd.AlarmsErr == "" {
		counts := map[string]int{"NOSPACE": 0, "CORRUPT": 0}
		for _, alarm := range slices.Concat(obs.Etcd.Alarms, obs.Etcd.Stray) {
			counts[alarm.Kind]++
		}
		for kind, n := range counts {
			alarmsGauge.WithLabelValues(c.key.Model, c.key.Application, kind).Set(float64(n))
		}
	}
	c.measureCertificates(obs.Units)
}

// unitCertificate is a certificate of a unit by the name that people know.
type unitCertificate struct{ unit, name string }

// measureCertificates shows how long each certificate is valid, and no longer shows what is gone. What
// stays is not dropped meanwhile: a scrape in between would begin its alert anew.
func (c *cluster) measureCertificates(units []observation.Unit) {
	shown := map[unitCertificate]bool{}
	for _, u := range units {
		if u.Facts == nil {
			continue
		}
		for _, leaf := range u.Facts.Certificates.Named() {
			labels := c.certificateLabels(unitCertificate{u.Name, leaf.Name})
			certificateBeginGauge.With(labels).Set(float64(leaf.NotBefore.Unix()))
			certificateExpiryGauge.With(labels).Set(float64(leaf.NotAfter.Unix()))
			shown[unitCertificate{u.Name, leaf.Name}] = true
		}
	}
	for certificate := range c.certificates {
		if !shown[certificate] {
			certificateBeginGauge.Delete(c.certificateLabels(certificate))
			certificateExpiryGauge.Delete(c.certificateLabels(certificate))
		}
	}
	c.certificates = shown
}

func (c *cluster) certificateLabels(certificate unitCertificate) prometheus.Labels {
	return prometheus.Labels{"model": c.key.Model, "application": c.key.Application, "unit": certificate.unit, "certificate": certificate.name}
}
