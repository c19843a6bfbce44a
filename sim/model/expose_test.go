package model_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/model"
)

func TestExposeReplacesWhatItNamesAndKeepsTheRest(t *testing.T) {
	m := world(t, 1, model.Options{})
	all := model.Exposure{CIDRs: []string{"0.0.0.0/0", "::/0"}}
	here := model.Exposure{CIDRs: []string{"10.0.0.1/32"}}
	type endpoints = map[string]model.Exposure
	for _, step := range []struct {
		name   string
		do     func() error
		want   endpoints
		refuse string
	}{
		{"an endpoint", func() error {
			return m.Expose("etcd", endpoints{"db": {CIDRs: []string{"10.0.0.1/32", "10.0.0.1/32"}}})
		}, endpoints{"db": here}, ""},
		{"all of them", func() error { return m.Expose("etcd", nil) }, endpoints{"db": here, "": all}, ""},
		{"one in another way", func() error { return m.Expose("etcd", endpoints{"db": {Spaces: []string{"alpha"}}}) },
			endpoints{"db": {Spaces: []string{"alpha"}}, "": all}, ""},
		{"one to nobody in particular", func() error { return m.Expose("etcd", endpoints{"db": {}}) }, endpoints{"db": all, "": all}, ""},
		{"an unknown endpoint", func() error { return m.Expose("etcd", endpoints{"web": here}) }, endpoints{"db": all, "": all}, `endpoint "web" not found`},
		{"no CIDR", func() error { return m.Expose("etcd", endpoints{"db": {CIDRs: []string{"10.0.0.1"}}}) }, endpoints{"db": all, "": all}, "as a CIDR"},
		{"an unknown space", func() error { return m.Expose("etcd", endpoints{"db": {Spaces: []string{"beta"}}}) }, endpoints{"db": all, "": all}, `space "beta"`},
		{"an application that is not there", func() error { return m.Expose("kube", nil) }, endpoints{"db": all, "": all}, `application "kube" not found`},
		{"taken back", func() error { return m.Unexpose("etcd", []string{"db"}) }, endpoints{"": all}, ""},
		{"taken back twice", func() error { return m.Unexpose("etcd", []string{"db"}) }, endpoints{"": all}, `endpoint "db" is not exposed`},
		{"all taken back", func() error { return m.Unexpose("etcd", nil) }, endpoints{}, ""},
	} {
		err := step.do()
		if (err != nil) != (step.refuse != "") || err != nil && !strings.Contains(err.Error(), step.refuse) {
			t.Errorf("%s: %v, want %q", step.name, err, step.refuse)
		}
		a, err := m.Application("etcd")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, a.Exposed); diff != "" {
			t.Errorf("%s: %s", step.name, diff)
		}
	}
}
