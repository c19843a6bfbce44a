package reconcile

import (
	"regexp"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/observation"
)

// charmName is the charm that we serve.
const charmName = "etcd"

var revision = regexp.MustCompile(`-[0-9]+$`)

// mayRunOurCharm says so from what the model shows: the application's charm is named etcd, exactly, and
// it has the peer relation. The charm that we replace has the same name and the same relation; what
// tells ours apart is that its units publish facts: see runsOurCharm.
func mayRunOurCharm(a jujuapi.Application) bool {
	if nameOf(a.Charm) != charmName {
		return false
	}
	for _, r := range a.Relations {
		if r.Peer && r.Endpoint == v1alpha1.EndpointCluster {
			return true
		}
	}
	return false
}

// nameOf takes the name out of a charm's URL: local:etcd-0, ch:amd64/jammy/etcd-12, cs:~containers/etcd-655, etcd.
func nameOf(charm string) string {
	if _, after, ok := strings.Cut(charm, ":"); ok {
		charm = after
	}
	charm = charm[strings.LastIndex(charm, "/")+1:]
	return revision.ReplaceAllString(charm, "")
}

// runsOurCharm says so of an application that may: a unit has published facts, or the latch has been
// written.
func runsOurCharm(obs observation.Observation) bool {
	for _, u := range obs.Units {
		if u.Facts != nil {
			return true
		}
	}
	return obs.Latch.Epoch != nil || obs.Latch.Seeds != nil || obs.Latch.ClusterID != ""
}
