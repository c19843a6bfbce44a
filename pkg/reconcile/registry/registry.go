// Package registry holds the latest EtcdClusters and EtcdUnits of a daemon in memory, with versions, and serves them over a
// local socket to `jujuetcd get`, `describe`, `plan` and `env`.
//
// It is no store: everything in it is derived from Juju, etcd and policy files at each pass, and is gone with the process.
// Objects have the shape and the habits of Kubernetes' (generation grows with the spec, resourceVersion with any change,
// lastTransitionTime with a condition's status). An object that did not change keeps its version, whatever time it was
// looked at: who watches hears of changes only.
//
// A Registry is safe for concurrent use. What it is given and what it returns are copies.
//
// # Who writes what
//
//	EtcdCluster          the cluster controller
//	EtcdUnit             the cluster controller, at each pass; the unit controller wakes it
//	Record               both controllers, when something has happened; the last 64 of a cluster are kept
package registry

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// Ref names an object: its model and its name in it.
type Ref struct{ Model, Name string }

// Registry is the daemon's objects.
type Registry struct {
	now func() time.Time

	mu       sync.Mutex
	version  int64
	clusters map[Ref]*v1alpha1.EtcdCluster
	units    map[Ref]*v1alpha1.EtcdUnit
	records  map[Ref][]Record
	changed  chan struct{}
}

// New is an empty registry.
func New(now func() time.Time) *Registry {
	return &Registry{now: now, clusters: map[Ref]*v1alpha1.EtcdCluster{}, units: map[Ref]*v1alpha1.EtcdUnit{},
		records: map[Ref][]Record{}, changed: make(chan struct{})}
}

// PutCluster files what is known of a cluster now.
func (r *Registry) PutCluster(ref Ref, spec v1alpha1.EtcdClusterSpec, status v1alpha1.EtcdClusterStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &v1alpha1.EtcdCluster{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindEtcdCluster},
		ObjectMeta: metav1.ObjectMeta{Namespace: ref.Model, Name: ref.Name},
		Spec:       *spec.DeepCopy(), Status: *status.DeepCopy(),
	}
	old := r.clusters[ref]
	var oldConditions []metav1.Condition
	if old != nil {
		oldConditions = old.Status.Conditions
		c.ObjectMeta = *old.ObjectMeta.DeepCopy()
	}
	c.Status.Conditions = r.carry(oldConditions, status.Conditions)
	if old != nil {
		same := c.DeepCopy()
		same.Status.ObservedAt = old.Status.ObservedAt
		if reflect.DeepEqual(same.Spec, old.Spec) && reflect.DeepEqual(same.Status, old.Status) {
			old.Status.ObservedAt = c.Status.ObservedAt
			return
		}
	}
	r.stamp(&c.ObjectMeta, old == nil || !reflect.DeepEqual(old.Spec, c.Spec))
	r.clusters[ref] = c
}

// PutUnit files what is known of a unit now.
func (r *Registry) PutUnit(ref Ref, spec v1alpha1.EtcdUnitSpec, status v1alpha1.EtcdUnitStatus) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &v1alpha1.EtcdUnit{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.KindEtcdUnit},
		ObjectMeta: metav1.ObjectMeta{Namespace: ref.Model, Name: ref.Name},
		Spec:       *spec.DeepCopy(), Status: *status.DeepCopy(),
	}
	old := r.units[ref]
	var oldConditions []metav1.Condition
	if old != nil {
		oldConditions = old.Status.Conditions
		u.ObjectMeta = *old.ObjectMeta.DeepCopy()
	}
	u.Status.Conditions = r.carry(oldConditions, status.Conditions)
	if old != nil && reflect.DeepEqual(u.Spec, old.Spec) && reflect.DeepEqual(u.Status, old.Status) {
		return
	}
	r.stamp(&u.ObjectMeta, old == nil || !reflect.DeepEqual(old.Spec, u.Spec))
	r.units[ref] = u
}

// Retain drops the model's clusters and units that are not kept.
func (r *Registry) Retain(model string, keepCluster, keepUnit func(name string) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.clusters) + len(r.units)
	maps.DeleteFunc(r.clusters, func(ref Ref, _ *v1alpha1.EtcdCluster) bool { return ref.Model == model && !keepCluster(ref.Name) })
	maps.DeleteFunc(r.units, func(ref Ref, _ *v1alpha1.EtcdUnit) bool { return ref.Model == model && !keepUnit(ref.Name) })
	maps.DeleteFunc(r.records, func(ref Ref, _ []Record) bool { return ref.Model == model && !keepCluster(ref.Name) })
	if n != len(r.clusters)+len(r.units) {
		r.bump()
	}
}

// Clusters are copies of all clusters, by model and name; changed is closed when the next change happens.
func (r *Registry) Clusters() (list []v1alpha1.EtcdCluster, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clusters {
		list = append(list, *c.DeepCopy())
	}
	slices.SortFunc(list, func(a, b v1alpha1.EtcdCluster) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return list, r.changed
}

// Units are copies of all units, by model, application and number; changed is closed when the next change happens.
func (r *Registry) Units() (list []v1alpha1.EtcdUnit, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range r.units {
		list = append(list, *u.DeepCopy())
	}
	slices.SortFunc(list, func(a, b v1alpha1.EtcdUnit) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), CompareUnits(a.Name, b.Name))
	})
	return list, r.changed
}

// CompareUnits orders etcd/2 before etcd/10.
func CompareUnits(a, b string) int {
	appA, numberA := splitUnit(a)
	appB, numberB := splitUnit(b)
	return cmp.Or(cmp.Compare(appA, appB), cmp.Compare(numberA, numberB), cmp.Compare(a, b))
}

func splitUnit(name string) (string, int) {
	for i := len(name) - 1; i >= 0; i-- {
		if name[i] == '/' {
			n, err := strconv.Atoi(name[i+1:])
			if err != nil {
				return name, 0
			}
			return name[:i], n
		}
	}
	return name, 0
}

// carry keeps each condition's time while its status stays.
func (r *Registry) carry(old, now []metav1.Condition) []metav1.Condition {
	var out []metav1.Condition
	for _, c := range now {
		if before := meta.FindStatusCondition(old, c.Type); before != nil && before.Status == c.Status {
			c.LastTransitionTime = before.LastTransitionTime
		} else if c.LastTransitionTime.IsZero() {
			c.LastTransitionTime = metav1.NewTime(r.now().Truncate(time.Second))
		}
		out = append(out, c)
	}
	return out
}

func (r *Registry) stamp(m *metav1.ObjectMeta, specChanged bool) {
	r.bump()
	if m.CreationTimestamp.IsZero() {
		m.CreationTimestamp = metav1.NewTime(r.now().Truncate(time.Second))
	}
	if specChanged {
		m.Generation++
	}
	m.ResourceVersion = strconv.FormatInt(r.version, 10)
}

func (r *Registry) bump() {
	r.version++
	close(r.changed)
	r.changed = make(chan struct{})
}
