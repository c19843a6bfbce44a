// Package worldtest has fakes of the two outside worlds for tests of the loops: they record calls and return what a test has
// set. They imitate nothing; what imitates Juju and etcd is sim and test/simulation.
package worldtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/pkg/reconcile/world"
)

// Juju is a fake model. Set its fields under Lock, or before it is used.
type Juju struct {
	sync.Mutex
	Model   *jujuapi.Model
	Units   []jujuapi.UnitInfo
	Config  map[string]jujuapi.Option
	Running []jujuapi.Task
	Ended   map[string]jujuapi.Task
	// Fail makes a method fail, by its name.
	Fail map[string]error
	// Calls are the names of the methods called, in order; Sent the desired states that were enqueued.
	Calls []string
	Sent  []v1alpha1.EtcdUnitSpec
	// Exposed are the CIDRs that endpoints were exposed to, each as "application:endpoint CIDR".
	Exposed []string
	// OnEnqueue answers a delivery at once, when set: its status ends the task.
	OnEnqueue func(spec v1alpha1.EtcdUnitSpec) (v1alpha1.EtcdUnitStatus, bool)
	next      int
}

func (j *Juju) call(ctx context.Context, name string) error {
	j.Calls = append(j.Calls, name)
	if err := ctx.Err(); err != nil {
		return err
	}
	return j.Fail[name]
}

// Count is how often a method was called.
func (j *Juju) Count(name string) int {
	j.Lock()
	defer j.Unlock()
	n := 0
	for _, c := range j.Calls {
		if c == name {
			n++
		}
	}
	return n
}

// Snapshot implements world.Juju.
func (j *Juju) Snapshot(ctx context.Context) (*jujuapi.Model, error) {
	j.Lock()
	defer j.Unlock()
	return j.Model, j.call(ctx, "Snapshot")
}

// UnitsInfo implements world.Juju.
func (j *Juju) UnitsInfo(ctx context.Context, _ string) ([]jujuapi.UnitInfo, error) {
	j.Lock()
	defer j.Unlock()
	return slices.Clone(j.Units), j.call(ctx, "UnitsInfo")
}

// Options implements world.Juju.
func (j *Juju) Options(ctx context.Context, _ string) (map[string]jujuapi.Option, error) {
	j.Lock()
	defer j.Unlock()
	return j.Config, j.call(ctx, "Options")
}

// Tasks implements world.Juju.
func (j *Juju) Tasks(ctx context.Context, _ string) ([]jujuapi.Task, error) {
	j.Lock()
	defer j.Unlock()
	return slices.Clone(j.Running), j.call(ctx, "Tasks")
}

// Task implements world.Juju.
func (j *Juju) Task(ctx context.Context, id string) (jujuapi.Task, error) {
	j.Lock()
	defer j.Unlock()
	if err := j.call(ctx, "Task"); err != nil {
		return jujuapi.Task{}, err
	}
	if t, ok := j.Ended[id]; ok {
		return t, nil
	}
	for _, t := range j.Running {
		if t.ID == id {
			return t, nil
		}
	}
	return jujuapi.Task{}, fmt.Errorf("task %s not found", id)
}

// Enqueue implements world.Juju.
func (j *Juju) Enqueue(ctx context.Context, unit, action string, params map[string]any) (jujuapi.Task, error) {
	j.Lock()
	defer j.Unlock()
	if err := j.call(ctx, "Enqueue"); err != nil {
		return jujuapi.Task{}, err
	}
	var spec v1alpha1.EtcdUnitSpec
	if err := json.Unmarshal([]byte(params[v1alpha1.ParameterDesired].(string)), &spec); err != nil {
		return jujuapi.Task{}, err
	}
	j.Sent = append(j.Sent, spec)
	j.next++
	task := jujuapi.Task{ID: strconv.Itoa(j.next), Unit: unit, Name: action, Status: jujuapi.TaskPending}
	j.Running = append(j.Running, task)
	if j.OnEnqueue != nil {
		if status, ok := j.OnEnqueue(spec); ok {
			j.end(task.ID, jujuapi.TaskCompleted, status)
		}
	}
	return task, nil
}

// ExposeTo implements world.Juju.
func (j *Juju) ExposeTo(ctx context.Context, application, endpoint string, cidrs []string) error {
	j.Lock()
	defer j.Unlock()
	if err := j.call(ctx, "ExposeTo"); err != nil {
		return err
	}
	for _, c := range cidrs {
		j.Exposed = append(j.Exposed, application+":"+endpoint+" "+c)
	}
	return nil
}

// MayChange says whether the model may be changed.
func (j *Juju) MayChange(ctx context.Context) error {
	j.Lock()
	defer j.Unlock()
	return j.call(ctx, "MayChange")
}

// End ends a task with a status as its result.
func (j *Juju) End(id string, state jujuapi.TaskStatus, status v1alpha1.EtcdUnitStatus) {
	j.Lock()
	defer j.Unlock()
	j.end(id, state, status)
}

func (j *Juju) end(id string, state jujuapi.TaskStatus, status v1alpha1.EtcdUnitStatus) {
	text, err := json.Marshal(status)
	if err != nil {
		text = []byte(err.Error())
	}
	i := slices.IndexFunc(j.Running, func(t jujuapi.Task) bool { return t.ID == id })
	if i < 0 {
		return
	}
	t := j.Running[i]
	t.Status, t.Output = state, map[string]any{v1alpha1.ResultStatus: string(text)}
	j.Running = slices.Delete(j.Running, i, i+1)
	if j.Ended == nil {
		j.Ended = map[string]jujuapi.Task{}
	}
	j.Ended[id] = t
}

// SetLatch writes the latch where UnitsInfo shows it.
func (j *Juju) SetLatch(l v1alpha1.Latch) error {
	bag, err := l.Databag()
	if err != nil {
		return err
	}
	j.Lock()
	defer j.Unlock()
	for u := range j.Units {
		for r := range j.Units[u].RelationData {
			if j.Units[u].RelationData[r].Endpoint == v1alpha1.EndpointCluster {
				j.Units[u].RelationData[r].ApplicationData = bag
			}
		}
	}
	return nil
}

// Etcd is a fake cluster.
type Etcd struct {
	mu   sync.Mutex
	View etcdops.View
	// OnLook, when set, makes the view of the n-th look, counted from 1.
	OnLook func(n int, v etcdops.View) etcdops.View
	// Fail makes a method or a change fail, by its name.
	Fail map[string]error
	// Calls are the names of the methods called and of the kinds of changes made, in order.
	Calls []string
	// OnChange is called by a membership change, to change View.
	OnChange func(e *Etcd, name string)
	Held     bool
	Closed   bool
	lost     chan struct{}
	looks    int
}

// Look implements world.Etcd.
func (e *Etcd) Look(context.Context, []string) etcdops.View {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Calls = append(e.Calls, "Look")
	e.looks++
	if e.OnLook != nil {
		return e.OnLook(e.looks, e.View)
	}
	return e.View
}

// Do implements world.Etcd. A change counts as a call of its kind's name.
func (e *Etcd) Do(_ context.Context, _ etcdops.View, c etcdops.Change) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	name := string(c.Kind())
	e.Calls = append(e.Calls, name)
	if !e.Held && !etcdops.Unlocked(c) {
		return errors.New("a change without the lock key")
	}
	if e.OnChange != nil {
		e.OnChange(e, name)
	}
	return e.Fail[name]
}

// Under implements world.Etcd.
func (e *Etcd) Under(ctx context.Context, h etcdops.Hold, do func(context.Context) error) error {
	return etcdops.Under(ctx, locker{e}, h, do)
}

type locker struct{ e *Etcd }

// Lock implements etcdops.Locker.
func (l locker) Lock(context.Context, []string, string, time.Duration, ...etcdops.LockOption) (*etcdops.Lock, error) {
	e := l.e
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Calls = append(e.Calls, "Lock")
	if err := e.Fail["Lock"]; err != nil {
		return nil, err
	}
	e.Held, e.lost = true, make(chan struct{})
	return etcdops.NewLock(e.lost, l.unlock), nil
}

// Done are the calls so far.
func (e *Etcd) Done() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.Calls)
}

// LoseLock ends the lease of whoever holds the lock.
func (e *Etcd) LoseLock() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.lost)
}

func (l locker) unlock(context.Context) error {
	l.e.mu.Lock()
	defer l.e.mu.Unlock()
	l.e.Calls = append(l.e.Calls, "Unlock")
	l.e.Held = false
	return l.e.Fail["Unlock"]
}

// Close implements world.Etcd.
func (e *Etcd) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.Closed = true
}

// Healthy is a view of n started voters, named etcd0 and so on, that are all healthy under the first.
func Healthy(now time.Time, n int) etcdops.View {
	v := etcdops.View{At: now, Listed: true, Health: map[string]etcdops.EndpointHealth{}}
	for i := range n {
		id, url := etcdops.MemberID(0x10+i), ClientURL(i)
		v.Members = append(v.Members, etcdops.Member{ID: id, Name: "etcd" + strconv.Itoa(i),
			PeerURLs: []string{PeerURL(i)}, ClientURLs: []string{url}})
		v.Health[url] = etcdops.EndpointHealth{Endpoint: url, At: now, Serves: true, Answered: true, ClusterID: 0xc1, MemberID: id,
			Leader: 0x10, Version: "3.6.16", RaftTerm: 2, RaftIndex: 100, AppliedIndex: 100, Revision: 10}
	}
	return v
}

// ClientURL and PeerURL are those of the n-th unit.
func ClientURL(n int) string { return fmt.Sprintf("https://10.0.0.%d:2379", n+1) }

// PeerURL is the n-th unit's peer URL.
func PeerURL(n int) string { return fmt.Sprintf("https://10.0.0.%d:2380", n+1) }

var (
	_ world.Juju = (*Juju)(nil)
	_ world.Etcd = (*Etcd)(nil)
)
