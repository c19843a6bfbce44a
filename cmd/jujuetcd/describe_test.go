package main

import (
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Members are described in the order of their units, however etcd lists them: etcd/2 before etcd/10.
func TestDescribeOrdersMembersByUnit(t *testing.T) {
	var c v1alpha1.EtcdCluster
	for _, unit := range []string{"etcd/10", "etcd/2", "etcd/0"} {
		c.Status.Members = append(c.Status.Members, v1alpha1.MemberStatus{Unit: unit, Healthy: true})
	}
	var out strings.Builder
	if err := describeCluster(&out, c, nil); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, word := range strings.Fields(out.String()) {
		if strings.HasPrefix(word, "etcd/") {
			got = append(got, word)
		}
	}
	if want := []string{"etcd/0", "etcd/2", "etcd/10"}; !slices.Equal(got, want) {
		t.Errorf("members are described in the order %v, not %v", got, want)
	}
	if c.Status.Members[0].Unit != "etcd/10" {
		t.Error("to describe a cluster changes it")
	}
}
