package charm

import (
	"context"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/pkg/apis/v1alpha1"
)

// dashboardRequest asks Grafana to import a dashboard, in the words of interface-grafana-dashboard.
type dashboardRequest struct {
	RequestID string         `json:"request_id"`
	Name      string         `json:"name"`
	Dashboard map[string]any `json:"dashboard"`
}

// answerGrafana gives each related Grafana the dashboard, from the leader alone, as long as a
// Prometheus is asked to scrape; and takes it back when none is. Grafana names the source of data
// after the application of Prometheus.
//
// Grafana's charm imports a request once. So the id is that of the content, too: another dashboard
// is another request, and the dashboard's own uid has Grafana put it in the place of the one
// before.
func (a *Agent) answerGrafana(ctx context.Context, prometheus []string) error {
	ids, err := a.run.Relations(ctx, v1alpha1.EndpointGrafana)
	if err != nil || len(ids) == 0 {
		return err
	}
	if len(prometheus) == 0 {
		for _, id := range ids {
			if err := a.setRequest(ctx, id, nil); err != nil {
				return err
			}
		}
		return nil
	}
	if len(prometheus) > 1 {
		a.run.Log.Info("The dashboard shows one Prometheus of several", "shown", prometheus[0], "all", prometheus)
	}
	board, digest, err := dashboards.Etcd(prometheus[0] + " - Juju generated source")
	if err != nil {
		return err
	}
	for _, id := range ids {
		body := dashboardRequest{RequestID: a.requestID(id, digest), Name: "etcd", Dashboard: board}
		if err := a.setRequest(ctx, id, &wanted{id: body.RequestID, body: body}); err != nil {
			return err
		}
		if err := a.logRefusal(ctx, id, body.RequestID); err != nil {
			return err
		}
	}
	return nil
}
