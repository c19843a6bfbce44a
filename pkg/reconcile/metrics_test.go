package reconcile_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/worldtest"
)

// gauges are the values of the named metrics of a model: "name label…" without the model's, and
// without the application's.
func gauges(t *testing.T, model string, names ...string) map[string]float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	wanted, found := map[string]bool{}, map[string]float64{}
	for _, name := range names {
		wanted["jujuetcd_"+name] = true
	}
	for _, family := range families {
		if !wanted[family.GetName()] {
			continue
		}
		for _, metric := range family.GetMetric() {
			key, ours := family.GetName()[len("jujuetcd_"):], false
			for _, label := range metric.GetLabel() {
				switch label.GetName() {
				case "model":
					ours = label.GetValue() == model
				case "application":
				default:
					key += " " + label.GetValue()
				}
			}
			if ours {
				found[key] = metric.GetGauge().GetValue()
			}
		}
	}
	return found
}

// A cut to Juju shows with the next call that it makes fail, and not first in a pass: there is none that
// sees anything while it lasts. JujuetcdNotConnected hangs on it.
func TestACutToJujuShowsInItsMetric(t *testing.T) {
	t.Parallel()
	juju := &worldtest.Juju{Fail: map[string]error{}}
	link := jujuapi.State{Connected: true}
	m := reconcile.Model{Ref: jujuapi.ModelRef{Owner: "admin", Name: "cut"}, Juju: juju, Link: func() jujuapi.State { return link }}
	for _, connected := range []bool{true, false, true} {
		link.Connected, juju.Fail["Tasks"] = connected, nil
		if !connected {
			juju.Fail["Tasks"] = fmt.Errorf("not connected: %w", jujuapi.ErrConnectionLost)
		}
		if err := reconcile.Ask(t.Context(), m); (err == nil) != connected {
			t.Fatalf("connected %v, and the answer is %v", connected, err)
		}
		if got := gauges(t, m.Name(), "model_connected")["model_connected"]; (got == 1) != connected {
			t.Errorf("connected %v is shown as %v", connected, got)
		}
	}
}

func TestWhatIsSeenOfAClusterIsMeasured(t *testing.T) {
	t.Parallel()
	const model = "admin/measured"
	show, forget := reconcile.Measure(model, "etcd")
	leaf := func(begin, end int64) *v1alpha1.LeafFacts {
		return &v1alpha1.LeafFacts{NotBefore: metav1.NewTime(time.Unix(begin, 0)), NotAfter: metav1.NewTime(time.Unix(end, 0))}
	}
	unit := func(name string, c v1alpha1.CertificateFacts) observation.Unit {
		return observation.Unit{Name: name, Facts: &v1alpha1.UnitFacts{Certificates: c}}
	}
	standsBy := v1alpha1.EtcdClusterStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionLeading, Status: metav1.ConditionFalse}}}
	unclaimed := v1alpha1.EtcdClusterStatus{Conditions: []metav1.Condition{{Type: v1alpha1.ConditionLeading, Status: metav1.ConditionUnknown}}}
	steps := []struct {
		name   string
		obs    observation.Observation
		status v1alpha1.EtcdClusterStatus
		want   map[string]float64
	}{
		{"alarms of members, and of one that is gone", observation.Observation{
			Etcd: etcdops.View{Listed: true, Alarms: []etcdops.Alarm{{Member: 1, Kind: "NOSPACE"}, {Member: 2, Kind: "NOSPACE"}},
				Stray: []etcdops.Alarm{{Member: 3, Kind: "CORRUPT"}}},
			Units: []observation.Unit{unit("etcd/0", v1alpha1.CertificateFacts{Server: leaf(10, 1000), Client: leaf(10, 2000)}), {Name: "etcd/1"}},
		}, unclaimed, map[string]float64{"leading": 1, "alarms NOSPACE": 2, "alarms CORRUPT": 1,
			"certificate_begin_timestamp_seconds server certificate etcd/0": 10, "certificate_expiry_timestamp_seconds server certificate etcd/0": 1000,
			"certificate_begin_timestamp_seconds client certificate etcd/0": 10, "certificate_expiry_timestamp_seconds client certificate etcd/0": 2000}},
		{"the alarms are not known, a certificate is renewed, and one is lost", observation.Observation{
			Etcd:  etcdops.View{Listed: true, AlarmsErr: "no answer"},
			Units: []observation.Unit{unit("etcd/0", v1alpha1.CertificateFacts{Server: leaf(20, 3000)})},
		}, standsBy, map[string]float64{"leading": 0, "alarms NOSPACE": 2, "alarms CORRUPT": 1,
			"certificate_begin_timestamp_seconds server certificate etcd/0": 20, "certificate_expiry_timestamp_seconds server certificate etcd/0": 3000}},
		{"the alarms have gone, and so has the unit", observation.Observation{Etcd: etcdops.View{Listed: true}},
			v1alpha1.EtcdClusterStatus{}, map[string]float64{"leading": 1, "alarms NOSPACE": 0, "alarms CORRUPT": 0}},
	}
	look := func() map[string]float64 {
		return gauges(t, model, "leading", "alarms", "certificate_begin_timestamp_seconds", "certificate_expiry_timestamp_seconds")
	}
	for _, s := range steps {
		show(s.obs, s.status)
		if diff := cmp.Diff(s.want, look()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s.name, diff)
		}
	}
	forget()
	if left := look(); len(left) != 0 {
		t.Errorf("of a cluster that is gone are left %v", left)
	}
}

// An alert about a metric that is not there would never fire.
func TestEveryMetricOfTheAlertsIsOurs(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../../deploy/alerts/jujuetcd.rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	descriptions := make(chan *prometheus.Desc, 1000)
	metrics.Registry.(prometheus.Collector).Describe(descriptions)
	close(descriptions)
	var ours strings.Builder
	for d := range descriptions {
		ours.WriteString(d.String() + "\n")
	}
	named := regexp.MustCompile(`\bjujuetcd_[a-z_]+`).FindAllString(string(rules), -1)
	for _, metric := range named {
		if !strings.Contains(ours.String(), `fqName: "`+metric+`"`) {
			t.Errorf("an alert is about %s, which is no metric of the daemon", metric)
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d metrics were looked for", len(named))
	}
}
