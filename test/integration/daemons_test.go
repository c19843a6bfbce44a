//go:build integration

package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/act"
	"jujuetcd.io/test/etcdtest"
	"jujuetcd.io/test/rig"
)

// Two daemons on one model: the second one stands by and says so, until it is told to take over.
// The first one, stopped in the middle of a step for longer than its lock's lease and resumed after
// the take-over, harms nothing: it stands by, and what it delivers is refused. No write is lost
// meanwhile.
func TestOfTwoDaemonsOneLeadsAndTheOtherHarmsNothing(t *testing.T) {
	w := begin(t)
	w.daemon()
	w.deploy("1")
	w.await(rig.Healthy("etcd", 1))
	config, endpoints := w.client()
	writer := etcdtest.StartWriter(t, config, endpoints)
	first := w.cluster(w.Socket()).Status.Epoch

	must(t, w.StartOther("b", "jujuetcd", w.password, "admin/demo"))
	w.eventually(t, "the second daemon stands by and says who leads", func() bool {
		c := w.cluster(w.OtherSocket("b"))
		return c.Status.Phase == v1alpha1.PhaseStandby && slices.ContainsFunc(c.Status.Conditions, func(k metav1.Condition) bool {
			return k.Type == v1alpha1.ConditionLeading && k.Status == metav1.ConditionFalse && strings.Contains(k.Message, first.Holder)
		})
	})

	// The first daemon is stopped with the lock key in its hand, or just after.
	client, err := rig.Connect(config, endpoints...)
	must(t, err)
	defer client.Close()
	ctx, stop := context.WithTimeout(w.ctx, time.Minute)
	defer stop()
	locked := client.Watch(ctx, etcdops.LockKey)
	w.juju("add-unit", "etcd", "-n", "2")
	for event := range locked {
		if slices.ContainsFunc(event.Events, func(e *clientv3.Event) bool {
			return e.IsCreate() && strings.Contains(string(e.Kv.Value), first.Holder)
		}) {
			break
		}
	}
	must(t, w.PauseDaemon())
	paused := time.Now()
	if ctx.Err() != nil {
		t.Fatal("the first daemon has not taken the lock key")
	}
	held, err := client.Get(w.ctx, etcdops.LockKey)
	must(t, err)

	log := w.Log("jujuetcd-b")
	if n := strings.Count(log, "Another daemon"); n != 1 {
		t.Errorf("the second daemon has said %d times that it stands by:\n%s", n, end(log, 10))
	}
	must(t, w.StopOther("b"))
	must(t, w.StartOther("b", "jujuetcd", w.password, "admin/demo", "--take-over"))
	w.await(rig.Healthy("etcd", 3))
	grown := time.Since(paused)
	w.eventually(t, "the pause is longer than the lock's lease", func() bool { return time.Since(paused) > act.LockTTL+time.Second })
	if epoch := w.cluster(w.OtherSocket("b")).Status.Epoch; epoch.Number != first.Number+1 || epoch.Holder == first.Holder {
		t.Errorf("the epoch is %s, after %s", epoch, first)
	}
	members, tasks := w.memberList(client), w.tasks()

	must(t, w.ResumeDaemon())
	w.eventually(t, "the first daemon stands by", func() bool { return w.cluster(w.Socket()).Status.Phase == v1alpha1.PhaseStandby })
	if now := w.memberList(client); now != members {
		t.Errorf("the members were %s and are %s after the first daemon went on", members, now)
	}
	t.Logf("paused for %.1f s (the lock was held: %t), three healthy %.1f s after the pause; %d reconciles by then, %d now",
		time.Since(paused).Seconds(), held.Count > 0, grown.Seconds(), tasks, w.tasks())

	reconciles, err := w.api.Reconciles(w.ctx)
	must(t, err)
	var late *v1alpha1.EtcdUnitSpec
	for _, r := range reconciles {
		ours := r.Unit == "etcd/0" && r.Spec.Delivery.Epoch == *first
		if r.Task > tasks && ours && r.Result.Outcome != v1alpha1.OutcomeRefused {
			t.Errorf("task %d of epoch %s was %s after the take-over", r.Task, first, r.Result.Outcome)
		}
		if ours && r.Task <= tasks {
			late = r.Spec.DeepCopy()
		}
	}
	// What the first daemon delivered once more would be refused.
	late.Delivery.NotAfter = metav1.NewTime(time.Now().Add(10 * time.Minute))
	if result := w.reconcile(t, "etcd/0", *late); result.Outcome != v1alpha1.OutcomeRefused || result.Reason != v1alpha1.ReasonOlderEpoch {
		t.Errorf("a delivery of the first daemon was %s (%s): %s", result.Outcome, result.Reason, result.Message)
	}
	if now := w.memberList(client); now != members {
		t.Errorf("the members were %s and are %s", members, now)
	}
	_, all := w.client()
	writer.SetEndpoints(all...)
	t.Log(writer.VerifyNoneLost())

	// Told to take over, the first one leads again at once, though there is nothing to do.
	w.eventually(t, "the cluster is settled", func() bool { return w.cluster(w.OtherSocket("b")).Status.Phase == v1alpha1.PhaseSteady })
	must(t, w.StopDaemon())
	began := time.Now()
	w.daemon("--take-over")
	w.eventually(t, "the first daemon leads, and the second says so", func() bool {
		c, other := w.cluster(w.Socket()), w.cluster(w.OtherSocket("b"))
		return c.Status.Epoch != nil && c.Status.Epoch.Number == first.Number+2 && c.Status.Epoch.Holder == first.Holder &&
			leads(c) && other.Status.Phase == v1alpha1.PhaseStandby
	})
	t.Logf("taken over in a settled cluster after %.1f s", time.Since(began).Seconds())
}

// leads says that the daemon that reports the cluster holds its epoch.
func leads(c v1alpha1.EtcdCluster) bool {
	return slices.ContainsFunc(c.Status.Conditions, func(k metav1.Condition) bool {
		return k.Type == v1alpha1.ConditionLeading && k.Status == metav1.ConditionTrue
	})
}

// memberList is the cluster's member list as text.
func (w *world) memberList(client *clientv3.Client) string {
	w.t.Helper()
	list, err := client.MemberList(w.ctx)
	must(w.t, err)
	var members []string
	for _, m := range list.Members {
		members = append(members, fmt.Sprintf("%s %x learner %t", m.Name, m.ID, m.IsLearner))
	}
	slices.Sort(members)
	return strings.Join(members, ", ")
}
