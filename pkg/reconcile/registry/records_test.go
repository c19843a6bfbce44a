package registry_test

import (
	"fmt"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
)

func TestRecordsAreBoundedAndAlikeOnesAreCounted(t *testing.T) {
	now := start
	r := registry.New(func() time.Time { now = now.Add(time.Second); return now })
	ref := registry.Ref{Model: "admin/prod", Name: "etcd"}
	for range 3 {
		r.Note(ref, registry.Record{Kind: registry.RecordDelivery, Object: "etcd/0", Reason: "Applied"})
		r.Note(ref, registry.Record{Kind: registry.RecordStep, Object: "etcd/0, etcd/10", Reason: "UpdateUnits", Message: "why"})
	}
	list := r.Records(ref)
	if len(list) != 2 || list[0].Count != 3 || !list[0].First.Equal(start.Add(time.Second)) || !list[0].At.Equal(start.Add(5*time.Second)) {
		t.Errorf("alike ones: %+v", list)
	}
	if got := r.Records(registry.Ref{Model: "admin/prod", Name: "etcd/10"}); len(got) != 1 || got[0].Reason != "UpdateUnits" {
		t.Errorf("of etcd/10: %+v", got)
	}
	if got := r.Records(registry.Ref{Model: "admin/prod", Name: "etcd/1"}); len(got) != 0 {
		t.Errorf("of etcd/1: %+v", got)
	}
	for n := range 1000 {
		r.Note(ref, registry.Record{Kind: registry.RecordPhase, Object: "etcd", Reason: fmt.Sprint(n)})
	}
	if list = r.Records(ref); len(list) > 100 || list[len(list)-1].Reason != "999" {
		t.Errorf("%d records, the last one is %+v", len(list), list[len(list)-1])
	}
	r.PutCluster(ref, v1alpha1.EtcdClusterSpec{}, v1alpha1.EtcdClusterStatus{})
	r.Retain("admin/prod", func(string) bool { return false }, func(string) bool { return false })
	if len(r.Records(ref)) != 0 {
		t.Error("the cluster's records outlive it")
	}
}
