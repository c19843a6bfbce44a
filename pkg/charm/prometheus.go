package charm

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// answerMonitors answers Prometheus, and Grafana, whose dashboard is about what Prometheus has.
func (a *Agent) answerMonitors(ctx context.Context, last *v1alpha1.EtcdUnitSpec) error {
	asked, err := a.answerPrometheus(ctx, last)
	if err != nil {
		return err
	}
	return a.answerGrafana(ctx, asked)
}

// scrapeRequest asks Prometheus to scrape, in the words of interface-prometheus-manual. Prometheus
// names the job job_name-request_id, so both must stay the same for as long as the relation is
// there, or the history breaks.
type scrapeRequest struct {
	RequestID  string    `json:"request_id"`
	JobName    string    `json:"job_name"`
	JobData    scrapeJob `json:"job_data"`
	CACert     string    `json:"ca_cert"`
	ClientCert string    `json:"client_cert"`
	ClientKey  string    `json:"client_key"`
}

// scrapeJob is a scrape_config of Prometheus without its name.
type scrapeJob struct {
	Scheme        string         `json:"scheme"`
	StaticConfigs []staticConfig `json:"static_configs"`
	TLSConfig     scrapeTLS      `json:"tls_config"`
}

type staticConfig struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// scrapeTLS must be there, with a value for each file: the other end writes certificates and key to
// files of its own and puts their paths in the place of these.
type scrapeTLS struct {
	CAFile   string `json:"ca_file"`
	CertFile string `json:"cert_file"`
	KeyFile  string `json:"key_file"`
}

// monitoredCharm is the label by which alerts and the dashboard find members, whatever the application
// is called; collectors that are related to charms give the charm's name, too.
const monitoredCharm = "etcd"

var placeholders = scrapeTLS{CAFile: "__ca_file__", CertFile: "__cert_file__", KeyFile: "__key_file__"}

// answerPrometheus asks each related Prometheus to scrape all members, once there are some, from
// the leader alone; and takes that back where it is not true any more. A member that is down stays
// a target: that is what Prometheus is there to show. It returns the applications that have been
// asked.
//
// A unit that does not lead any more may hear so minutes later. Its request has the same id as the
// new leader's, so the other end takes both for one; and they are alike, because whatever would
// change it (members, certificates) runs a dispatch here, too.
func (a *Agent) answerPrometheus(ctx context.Context, last *v1alpha1.EtcdUnitSpec) ([]string, error) {
	ids, err := a.run.Relations(ctx, v1alpha1.EndpointPrometheus)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	body, err := a.scrape(ctx, last)
	if err != nil {
		return nil, err
	}
	var asked []string
	for _, id := range ids {
		if body == nil {
			if err := a.setRequest(ctx, id, nil); err != nil {
				return nil, err
			}
			continue
		}
		mine := *body
		mine.RequestID = a.requestID(id)
		if err := a.setRequest(ctx, id, &wanted{id: mine.RequestID, body: mine}); err != nil {
			return nil, err
		}
		if err := a.logRefusal(ctx, id, mine.RequestID); err != nil {
			return nil, err
		}
		application, err := a.run.Tools.RelationApplication(ctx, id)
		if err != nil {
			return nil, err
		}
		asked = append(asked, application)
	}
	slices.Sort(asked)
	return asked, nil
}

// scrape is the request without its id; nil where there is nothing to ask for, or it is not this
// unit's to ask.
func (a *Agent) scrape(ctx context.Context, last *v1alpha1.EtcdUnitSpec) (*scrapeRequest, error) {
	if last == nil {
		return nil, nil
	}
	targets, err := targetsOf(slices.Concat(last.Clients.Endpoints, last.Clients.Members))
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	leader, err := a.run.Tools.IsLeader(ctx)
	if err != nil || !leader {
		return nil, err
	}
	shared, err := a.machine.ClientCredentials()
	if err != nil || !complete(shared) {
		return nil, err
	}
	labels := map[string]string{
		"juju_model": a.run.Env.Model, "juju_model_uuid": a.run.Env.ModelUUID, "juju_application": a.run.Env.Application(),
		"juju_charm": monitoredCharm,
	}
	return &scrapeRequest{
		JobName: "etcd",
		JobData: scrapeJob{
			Scheme: "https", StaticConfigs: []staticConfig{{Targets: targets, Labels: labels}}, TLSConfig: placeholders,
		},
		CACert: shared.CA, ClientCert: shared.Certificate, ClientKey: shared.Key,
	}, nil
}

// targetsOf are the host:port of client URLs, sorted.
func targetsOf(endpoints []string) ([]string, error) {
	var targets []string
	for _, endpoint := range endpoints {
		u, err := url.Parse(endpoint)
		if err != nil {
			return nil, fmt.Errorf("cannot scrape %s: %w", endpoint, err)
		}
		targets = append(targets, u.Host)
	}
	slices.Sort(targets)
	return slices.Compact(targets), nil
}
