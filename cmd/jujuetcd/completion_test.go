package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
	"jujuetcd.io/pkg/reconcile/registry/registrytest"
)

// daemonWith serves a registry with a cluster of two units, as a daemon would.
func daemonWith(t *testing.T) string {
	t.Helper()
	r := registry.New(time.Now)
	r.PutCluster(registry.Ref{Model: "admin/prod", Name: "etcd"}, v1alpha1.EtcdClusterSpec{}, v1alpha1.EtcdClusterStatus{Phase: "Steady"})
	for _, unit := range []string{"etcd/0", "etcd/1"} {
		spec := v1alpha1.EtcdUnitSpec{Unit: unit, Status: v1alpha1.StatusSpec{Unit: v1alpha1.StatusText{State: "active", Message: "Healthy"}}}
		r.PutUnit(registry.Ref{Model: "admin/prod", Name: unit}, spec, v1alpha1.EtcdUnitStatus{})
	}
	return registrytest.Serve(t, &registry.Server{Registry: r,
		About: func() registry.About { return registry.About{Models: []registry.Model{{Name: "admin/prod"}}} }})
}

// Names are those that a running daemon knows; without one there are none, and files are never offered in their place.
func TestCompletionKnowsWhatTheDaemonLooksAfter(t *testing.T) {
	socket := daemonWith(t)
	for _, c := range []struct {
		args string
		want []string
	}{
		{"get", []string{"clusters", "units", "cluster", "unit"}},
		{"describe", []string{"cluster", "unit"}},
		{"get cluster", []string{"etcd"}},
		{"get unit", []string{"etcd/0", "etcd/1"}},
		{"get units", nil},
		{"get unit etcd/0", nil},
		{"get unit --model admin/other", nil},
		{"get unit --model admin/prod", []string{"etcd/0", "etcd/1"}},
		{"describe unit", []string{"etcd/0", "etcd/1"}},
		{"plan", []string{"etcd"}},
		{"plan etcd", nil},
		{"env", []string{"etcd"}},
		{"get clusters --model", []string{"admin/prod"}},
		{"get clusters -o", []string{"yaml", "json", "wide"}},
		{"describe cluster etcd -o", []string{"yaml", "json"}},
		{"plan --model", []string{"admin/prod"}},
		{"plan -o", []string{"yaml", "json"}},
	} {
		for where, want := range map[string][]string{socket: c.want, socket + ".none": nil} {
			root := command()
			var out, errs bytes.Buffer
			root.SetOut(&out)
			root.SetErr(&errs)
			words := strings.Fields(c.args)
			words = slices.Insert(words, 1, "--socket", where)
			root.SetArgs(append(append([]string{"__complete"}, words...), ""))
			if err := root.ExecuteContext(t.Context()); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			if last := lines[len(lines)-1]; last != ":4" {
				t.Errorf("%s: files are offered (%s)", c.args, last)
			}
			var got []string
			for _, line := range lines[:len(lines)-1] {
				word, _, _ := strings.Cut(line, "\t")
				got = append(got, word)
			}
			asks := !slices.Contains(c.want, "yaml") && !slices.Contains(c.want, "cluster")
			if (where == socket || asks) && !slices.Equal(got, want) {
				t.Errorf("%s, socket %s: %q, want %q", c.args, filepath.Base(where), got, want)
			}
		}
	}
}

// Verbs that need no daemon have no --socket: names are those of the one that listens where daemons do.
func TestCompletionOfOrdersKnowsApplications(t *testing.T) {
	t.Setenv("JUJUETCD_SOCKET", daemonWith(t))
	for args, want := range map[string]string{
		"restart":                     "etcd",
		"rotate-ca":                   "etcd",
		"proceed":                     "etcd",
		"go-back":                     "etcd",
		"snapshot":                    "etcd",
		"snapshots":                   "etcd",
		"defrag":                      "etcd",
		"restore":                     "etcd/0",
		"restart etcd":                "",
		"restart --model admin/other": "",
		"restart --model":             "admin/prod",
		"rotate-ca etcd --provider":   "",
	} {
		root := command()
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(new(bytes.Buffer))
		root.SetArgs(append(append([]string{"__complete"}, strings.Fields(args)...), ""))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if last := lines[len(lines)-1]; last != ":4" {
			t.Errorf("%s: files are offered (%s)", args, last)
		}
		got, _, _ := strings.Cut(strings.Join(lines[:len(lines)-1], " "), "\t")
		if got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
