package v1alpha1_test

import (
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// The mark is of the latched cluster and no other, a rebirth takes it along, and what was seen to is never taken back.
func TestTheMarkAndTheHandledRequests(t *testing.T) {
	old, next := &v1alpha1.Seeds{Token: "t", Members: []v1alpha1.Seed{{Unit: "etcd/0"}}}, &v1alpha1.Seeds{Token: "t-2", Members: []v1alpha1.Seed{{Unit: "etcd/3"}}}
	latch := v1alpha1.Latch{Seeds: old, ClusterID: "c1", Handled: map[string]int64{"etcd/0": 4, "etcd/1": 2}}
	mark := func(id, token string, stays bool) v1alpha1.LatchRequest {
		return v1alpha1.LatchRequest{Ending: &v1alpha1.EndingRequest{Ending: v1alpha1.Ending{ClusterID: id, Token: token}, Stays: stays}}
	}
	for name, request := range map[string]v1alpha1.LatchRequest{
		"another cluster's mark": mark("c2", "t", false), "another birth's": mark("c1", "t-2", false), "taken back for another": mark("c2", "t", true),
	} {
		if got, err := latch.Apply(request, v1alpha1.Epoch{}); err == nil || got.Ends() {
			t.Errorf("%s is granted: %+v", name, got)
		}
	}
	apply := func(l v1alpha1.Latch, r v1alpha1.LatchRequest) v1alpha1.Latch {
		t.Helper()
		got, err := l.Apply(r, v1alpha1.Epoch{})
		if err != nil {
			t.Fatal(err)
		}
		writes, err := r.Writes(l, got)
		if err != nil {
			t.Fatal(err)
		}
		bag, err := l.Databag()
		if err != nil {
			t.Fatal(err)
		}
		for key, value := range writes {
			bag[key] = value
		}
		read, err := v1alpha1.LatchFromDatabag(bag)
		if err != nil || read.Ends() != got.Ends() || read.ClusterID != got.ClusterID || read.Token() != got.Token() || read.Handled["etcd/1"] != got.Handled["etcd/1"] {
			t.Errorf("what is written reads as %+v, and is %+v: %v", read, got, err)
		}
		return got
	}
	marked := apply(latch, mark("c1", "t", false))
	if !marked.Ends() || latch.Ends() {
		t.Errorf("marked: %+v, before: %+v", marked, latch)
	}
	if back := apply(marked, mark("c1", "t", true)); back.Ends() {
		t.Errorf("not taken back: %+v", back)
	}
	reborn := v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: old, From: "c1", Seeds: next}, Handled: map[string]int64{"etcd/1": 7, "etcd/0": 3}}
	born := apply(marked, reborn)
	if born.Ends() || born.Ending != nil || born.Handled["etcd/1"] != 7 || born.Handled["etcd/0"] != 4 || latch.Handled["etcd/1"] != 2 {
		t.Errorf("born anew: %+v; before: %+v", born, latch)
	}
	if again := apply(born, reborn); !again.Seeds.Equal(next) {
		t.Errorf("asked for again: %+v", again)
	}
}
