// Command grafana is the dispatch of a small charm that plays grafana on its endpoint dashboards (interface grafana-dashboard): it
// imports each dashboard that it is given, as that charm does: once for each request, in the place of one with the same uid.
//
//	ROOT/var/lib/grafana/dashboards/UID.json     the dashboards
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/asked"
	"jujuetcd.io/test/charms/dispatch"
)

// dir is where the dashboards lie below the machine's root.
const dir = "var/lib/grafana/dashboards"

func main() {
	dispatch.Main("grafana", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_HOOK_NAME")) })
}

func run(ctx context.Context, hook string) error {
	if hook == "stop" || hook == "remove" {
		return nil
	}
	tools := hooktool.New(hooktool.Exec{})
	requests, err := asked.Read(ctx, tools, "dashboards", dispatch.Broken())
	if err != nil {
		return err
	}
	folder := filepath.Join("/", os.Getenv("JUJUETCD_ROOT"), dir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	for _, r := range requests {
		bag, err := tools.Relation(ctx, r.Relation, os.Getenv("JUJU_UNIT_NAME"))
		if err != nil {
			return err
		}
		r.Success = true
		if bag["response_"+r.ID] != "" {
			continue
		}
		if err := imported(folder, r.Body); err != nil {
			r.Success, r.Reason = false, err.Error()
		}
	}
	if err := asked.Answer(ctx, tools, os.Getenv("JUJU_UNIT_NAME"), requests); err != nil {
		return err
	}
	return tools.SetStatus(ctx, v1alpha1.StatusText{State: "active", Message: fmt.Sprintf("%d dashboards", len(requests))})
}

func imported(folder string, request json.RawMessage) error {
	var body struct {
		Dashboard map[string]any `json:"dashboard"`
	}
	if err := json.Unmarshal(request, &body); err != nil {
		return fmt.Errorf("cannot read the request: %w", err)
	}
	uid, _ := body.Dashboard["uid"].(string)
	if uid == "" || uid != filepath.Base(uid) {
		return fmt.Errorf("cannot import a dashboard with uid %q", uid)
	}
	text, err := json.MarshalIndent(body.Dashboard, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot encode the dashboard: %w", err)
	}
	return os.WriteFile(filepath.Join(folder, uid+".json"), text, 0o600)
}
