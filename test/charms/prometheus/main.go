// Command prometheus is the dispatch of a small charm that plays prometheus2 on its endpoint manual-jobs (interface
// prometheus-manual): it makes a scrape job of each request, as that charm does, and starts nothing. A test runs a real Prometheus
// on what it writes:
//
//	ROOT/var/snap/prometheus/current/prometheus.yml       the configuration, with a job NAME-ID per request
//	ROOT/var/snap/prometheus/current/ID.{ca,crt,key}      what the request carries
//
// A file that tls_config names is replaced by the one that was written, and only where there is a tls_config.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/asked"
	"jujuetcd.io/test/charms/dispatch"
)

// dir is where the files lie below the machine's root.
const dir = "var/snap/prometheus/current"

func main() {
	dispatch.Main("prometheus", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_HOOK_NAME")) })
}

func run(ctx context.Context, hook string) error {
	if hook == "stop" || hook == "remove" {
		return nil
	}
	tools := hooktool.New(hooktool.Exec{})
	requests, err := asked.Read(ctx, tools, "manual-jobs", dispatch.Broken())
	if err != nil {
		return err
	}
	folder := filepath.Join("/", os.Getenv("JUJUETCD_ROOT"), dir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	jobs := []map[string]any{}
	for _, r := range requests {
		job, err := jobOf(folder, r)
		if err != nil {
			r.Reason = err.Error()
			continue
		}
		r.Success = true
		jobs = append(jobs, job)
	}
	config := map[string]any{
		"global":         map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s"},
		"scrape_configs": jobs,
	}
	text, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("cannot encode the configuration: %w", err)
	}
	if err := write(filepath.Join(folder, "prometheus.yml"), text); err != nil {
		return err
	}
	if err := asked.Answer(ctx, tools, os.Getenv("JUJU_UNIT_NAME"), requests); err != nil {
		return err
	}
	return tools.SetStatus(ctx, v1alpha1.StatusText{State: "active", Message: fmt.Sprintf("%d jobs", len(jobs))})
}

// jobOf writes what a request carries to files and returns its scrape_config.
func jobOf(folder string, r *asked.Request) (map[string]any, error) {
	var body struct {
		RequestID  string         `json:"request_id"`
		JobName    string         `json:"job_name"`
		JobData    map[string]any `json:"job_data"`
		CACert     string         `json:"ca_cert"`
		ClientCert string         `json:"client_cert"`
		ClientKey  string         `json:"client_key"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return nil, fmt.Errorf("cannot read request %s: %w", r.ID, err)
	}
	config, _ := body.JobData["tls_config"].(map[string]any)
	for key, file := range map[string]struct{ suffix, text string }{
		"ca_file": {"ca", body.CACert}, "cert_file": {"crt", body.ClientCert}, "key_file": {"key", body.ClientKey},
	} {
		path := filepath.Join(folder, r.ID+"."+file.suffix)
		if err := write(path, []byte(file.text)); err != nil {
			return nil, err
		}
		if config != nil && config[key] != nil {
			config[key] = path
		}
	}
	body.JobData["job_name"] = body.JobName + "-" + body.RequestID
	return body.JobData, nil
}

func write(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
