package jujuapi

import (
	"slices"
	"sync"
)

// ongoing remembers the tasks that a session has seen and that were not final then.
type ongoing struct {
	mu *sync.Mutex
	// units has the unit of each task, by the task's id.
	units map[string]string
	// lists has the applications whose tasks have been listed thoroughly once.
	lists map[string]bool
}

func newOngoing() ongoing {
	return ongoing{mu: new(sync.Mutex), units: map[string]string{}, lists: map[string]bool{}}
}

func (o *ongoing) swept(application string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lists[application]
}

func (o *ongoing) sweep(application string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lists[application] = true
}

// learn remembers a task, or forgets it when it is final.
func (o *ongoing) learn(t Task) {
	if t.Status.Final() {
		o.forget(t.ID)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.units[t.ID] = t.Unit
}

func (o *ongoing) forget(id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.units, id)
}

// missing returns the ids of an application's tasks that are remembered and not listed.
func (o *ongoing) missing(application string, listed []Task) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var ids []string
	for id, unit := range o.units {
		if applicationOf(unit) == application && !slices.ContainsFunc(listed, func(t Task) bool { return t.ID == id }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
