package planner_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// world is the smallest model of Juju and etcd in which a planner can be right or wrong: deliveries
// are carried out by rules of their own, and every act is judged when it happens. test/simulation
// has the fuller one, with the real actor.
type world struct {
	rng    *rand.Rand
	now    time.Time
	units  []*unit
	next   int
	latch  v1alpha1.Latch
	ca     bool
	client bool
	port   int32 // the option

	members []*member
	leader  etcdops.MemberID
	born    int

	self    string
	claimed int64
	memory  observation.History
	list    string
	tasks   int64

	clients    []*client
	notices    map[string]observation.Notice
	uninformed map[string]time.Time
	// excused: since a unit began to leave, or a member serves at a URL, there was another unit
	// that could not inform its clients.
	excused map[string]bool

	// violations are what must never happen; log is what did, for people.
	violations []string
	log        []string
}

type unit struct {
	name                      string
	number                    int
	dying, leader             bool
	provisioned, lost, failed bool
	certificate, taken        bool // taken: another process has one of its ports
	firstSeen                 time.Time
	published                 bool
	snap                      bool
	applied                   string
	data                      etcdops.MemberID // zero: none
	started, startedNew       bool
	token                     string // of the cluster that it was begun in
	up                        bool
	pending                   bool
	port, next                int32 // that its process has read, and that is written for the next one
	task                      *observation.Task
	delivery                  observation.Delivery
	endpoints                 []string             // clients' endpoints
	dropped, gained           map[string]time.Time // when an endpoint was last taken out of them, and put in
	last                      *observation.Result
	heard                     *observation.Result // the last words alone
	shown                     v1alpha1.StatusText
	person                    *observation.Task // what a person runs
	lasts                     time.Duration     // that, once it has begun
	ends, busy                time.Time         // of that, and of work that lasts
}

// client is a unit of another application that is given where etcd serves.
type client struct {
	name   string
	unseen bool
	idle   bool
	since  time.Time
}

type member struct {
	id      etcdops.MemberID
	name    string
	peer    string
	client  string
	learner bool
	caught  bool
	// reported: it has published where it serves, so it has had data.
	reported bool
}

const clusterID = etcdops.ClusterID(0xc1)

func newWorld(rng *rand.Rand) *world {
	w := &world{rng: rng, now: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), ca: true, client: true, self: "daemon-a",
		port: 2379, excused: map[string]bool{}}
	w.restartDaemon()
	return w
}

func (w *world) say(format string, args ...any) {
	w.log = append(w.log, w.now.Format("15:04:05 ")+fmt.Sprintf(format, args...))
}

func (w *world) violate(format string, args ...any) {
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
	w.say("VIOLATION "+format, args...)
}

func (w *world) addUnit() *unit {
	u := &unit{name: fmt.Sprintf("etcd/%d", w.next), number: w.next, firstSeen: w.now, provisioned: true, certificate: true,
		published: true, dropped: map[string]time.Time{}, gained: map[string]time.Time{}, port: w.port, next: w.port}
	w.next++
	w.units = append(w.units, u)
	w.elect()
	return u
}

// elect makes the first unit that Juju can reach its leader, if there is none.
func (w *world) elect() {
	if slices.ContainsFunc(w.units, func(u *unit) bool { return u.leader && !u.lost }) {
		return
	}
	for _, u := range w.units {
		u.leader = false
	}
	for _, u := range w.units {
		if u.provisioned && !u.lost && !u.dying {
			u.leader = true
			return
		}
	}
}

func (w *world) restartDaemon() {
	w.claimed = 0
	w.memory = observation.History{
		Progress: map[etcdops.MemberID]time.Time{}, UnhealthySince: map[string]time.Time{},
		Attempts: map[string]int{}, NotBefore: map[string]time.Time{}, LastChange: w.now,
	}
	w.list = ""
	w.notices, w.uninformed = map[string]observation.Notice{}, map[string]time.Time{}
	for _, u := range w.units {
		u.last, u.heard = nil, nil
		u.firstSeen = w.now
		if u.task != nil {
			u.task.Ours, u.task.Harmless, u.task.Deadline = false, false, time.Time{}
		}
	}
}

func (w *world) unitNamed(name string) *unit {
	i := slices.IndexFunc(w.units, func(u *unit) bool { return u.name == name })
	if i < 0 {
		return nil
	}
	return w.units[i]
}

func (w *world) member(id etcdops.MemberID) *member {
	i := slices.IndexFunc(w.members, func(m *member) bool { return m.id == id })
	if i < 0 {
		return nil
	}
	return w.members[i]
}

func (w *world) host(m *member) *unit {
	i := slices.IndexFunc(w.units, func(u *unit) bool { return u.data == m.id })
	if i < 0 {
		return nil
	}
	return w.units[i]
}

func (w *world) runs(m *member) bool {
	u := w.host(m)
	return u != nil && u.up
}

func (w *world) voters() (all, up int) {
	for _, m := range w.members {
		if !m.learner {
			all++
			if w.runs(m) {
				up++
			}
		}
	}
	return all, up
}

func (w *world) quorum() bool {
	all, up := w.voters()
	return all > 0 && up >= etcdops.Quorum(all)
}

func address(u *unit) string   { return fmt.Sprintf("10.0.0.%d", u.number+1) }
func clientURL(u *unit) string { return clientURLAt(u, u.port) }
func clientURLAt(u *unit, port int32) string {
	return fmt.Sprintf("https://%s:%d", address(u), port)
}

func peerURL(u *unit) string { return "https://" + address(u) + ":2380" }

// comeUp lets the unit's process read what is written for it.
func (u *unit) comeUp() {
	if !u.up {
		u.up, u.pending, u.port = true, false, u.next
	}
}

// tick lets processes, leadership and history go on by one instant.
func (w *world) tick() {
	for _, u := range w.units {
		if u.data != 0 && w.member(u.data) == nil && len(w.members) > 0 && w.quorum() {
			u.up = false // a removed member stops by itself
		}
	}
	if m := w.member(w.leader); m == nil || !w.runs(m) || m.learner {
		w.leader = 0
		for _, m := range w.members {
			if !m.learner && w.runs(m) {
				w.leader = m.id
				break
			}
		}
	}
	if !w.quorum() {
		return
	}
	for _, m := range w.members {
		if u := w.host(m); u != nil && u.up {
			if m.client != clientURL(u) {
				delete(w.excused, clientURL(u))
			}
			m.name, m.client, m.reported = etcdops.MemberName(u.name), clientURL(u), true
			m.caught = true
		}
	}
}

func (w *world) memberID(text string) etcdops.MemberID {
	h := fnv.New64a()
	fmt.Fprint(h, text, w.now.UnixNano())
	return etcdops.MemberID(h.Sum64() | 1)
}
