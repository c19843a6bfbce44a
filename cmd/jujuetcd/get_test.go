package main

import (
	"context"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/registry"
)

// A row that is as it was is no news, and a watch leaves it out; one that comes back is printed
// again. Programs get each change.
func TestAWatchPrintsNoRowTwice(t *testing.T) {
	event := func(kind, message string, generation int64) registry.Event[v1alpha1.EtcdCluster] {
		return registry.Event[v1alpha1.EtcdCluster]{Type: kind, Object: v1alpha1.EtcdCluster{
			ObjectMeta: metav1.ObjectMeta{Namespace: "admin/prod", Name: "etcd", Generation: generation},
			Status:     v1alpha1.EtcdClusterStatus{Phase: "Steady", Message: message},
		}}
	}
	events := []registry.Event[v1alpha1.EtcdCluster]{
		event("ADDED", "alpha", 1), event("MODIFIED", "alpha", 2), event("MODIFIED", "beta", 3), event("MODIFIED", "alpha", 4),
		event("DELETED", "alpha", 4), event("ADDED", "alpha", 1), event("MODIFIED", "alpha", 2),
	}
	watch := func(_ context.Context, _ registry.Ref, on func(registry.Event[v1alpha1.EtcdCluster]) error) error {
		for _, e := range events {
			if err := on(e); err != nil {
				return err
			}
		}
		return context.Canceled
	}
	for output, want := range map[string]string{"": "alpha beta alpha (deleted) alpha", "json": "alpha alpha beta alpha alpha alpha alpha"} {
		var out strings.Builder
		if err := show(t.Context(), &out, &asking{watch: true, output: output}, "cluster", registry.Ref{}, nil, watch, clusterTable); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(out.String(), "\n") {
			for _, word := range []string{"alpha", "beta"} {
				if strings.Contains(line, word) {
					got = append(got, word)
				}
			}
			if strings.Contains(line, "(deleted)") {
				got[len(got)-1] = "(deleted)"
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("-o %q prints %s, want %s\n%s", output, text, want, out.String())
		}
	}
}
