package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"
)

// Config is what a Sim is made of. The zero value is a Juju 4.0 that is quick and an etcd that is small.
type Config struct {
	Seed uint64
	// Provision, Install and CatchUp replace how long a machine takes to appear, a snap to install, a learner to catch up.
	Provision, Install, CatchUp time.Duration
	// Slow makes agents pick up a task after up to ten seconds, as after a quiet spell of Juju 4.0.
	Slow bool
	// Closed lets no packet of the daemon's get to etcd: it works through the units.
	Closed bool
	// Apart is how far the clocks of machines, and the daemon's, are apart from Juju's at most, in either direction.
	Apart time.Duration
	// Schedule is when snapshots are taken; empty is never.
	Schedule string
	// Drill is when the newest of them is restored for a trial; empty is never.
	Drill string
}

// Sim is a model with an application, etcd, which its own methods speak of, with others, and with the daemons that watch them.
type Sim struct {
	*App

	cfg Config
	rng *rand.Rand
	// clocks draws what is wrong with clocks, so that a world is the same with right ones.
	clocks *rand.Rand
	now    time.Time
	// ahead is how far the daemons' clock is ahead of Juju's, which is the model's time.
	ahead time.Duration
	// clockSet is when it was set last.
	clockSet time.Time

	events events
	order  int64

	juju     *juju
	clusters []*cluster // in the order of their births

	unread     map[Unread]time.Time // until when Juju does not tell
	opLock     time.Time            // until when the lock of an agent that died holds
	effects    int
	kill       *Kill
	scheduled  schedule
	counts     Counts
	acts       []Act
	violations []string
	onPlan     func([]string, int)
	ops        []string
	opEffects  []int
	log        []string
}

// Counts is what has happened to the world.
type Counts struct {
	// Effects are all side effects of daemons; Actions those that queued an action; Changes those on etcd's member list.
	Effects, Actions, Changes int
	// DatabagWrites are writes of facts and latch, StatusWrites of statuses, FileWrites of files by agents.
	DatabagWrites, StatusWrites, FileWrites int
	// Snapshots, Reads and Looks are the daemons' reads: FullStatus, other Juju calls, looks at etcd.
	Snapshots, Reads, Looks int
	// Defragmented are the databases that were defragmented.
	Defragmented int
	// Hooks are hooks that ran, update-status included.
	Hooks int
	// SnapshotsTaken are those of a schedule.
	SnapshotsTaken int
	// Drills are those that went well.
	Drills int
	// Refused counts refused deliveries by reason.
	Refused map[string]int
}

// Act is one step that a daemon took.
type Act struct {
	At   time.Time
	Step string
}

// Effect is one side effect of a daemon, as Kill and the log name it.
type Effect struct {
	Number int
	Name   string
}

// Kill says at which side effect the daemon dies, and on which side of it.
type Kill struct {
	At   int
	Mode Mode
	// After is how long it stays dead.
	After time.Duration
	// Agent says that it is the agent that dies, of those side effects that are an agent's. Juju then ends its task.
	Agent bool
	// Hit is set when it has happened.
	Hit *Effect
}

// Mode is the side of a side effect on which the daemon dies.
type Mode int

// Modes of dying.
const (
	// BeforeEffect: the call never reaches the world.
	BeforeEffect Mode = iota
	// BeforeReply: the world has changed, and the daemon never hears of it.
	BeforeReply
	// AfterReply: the daemon has heard, and dies before it does anything else to the world.
	AfterReply
)

// String names the mode.
func (m Mode) String() string {
	return [...]string{"before it", "before its reply", "after its reply"}[m]
}

// New makes a Sim with an application that has no units.
func New(cfg Config) *Sim {
	set := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	set(&cfg.Provision, 20*time.Second)
	set(&cfg.Install, 8*time.Second)
	set(&cfg.CatchUp, 3*time.Second)
	s := &Sim{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 99)), clocks: rand.New(rand.NewPCG(cfg.Seed, 4)), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC),
		counts: Counts{Refused: map[string]int{}}, unread: map[Unread]time.Time{},
		scheduled: schedule{rng: rand.New(rand.NewPCG(cfg.Seed, 5)), taken: map[string]publication{}},
	}
	s.juju = &juju{sim: s, numbers: map[string]int{}}
	s.App = s.newApp(Application)
	s.ahead = s.off()
	return s
}

// Now is the virtual time.
func (s *Sim) Now() time.Time { return s.now }

// Counts is what has happened so far.
func (s *Sim) Counts() Counts {
	c := s.counts
	c.Refused = map[string]int{}
	for reason, n := range s.counts.Refused {
		c.Refused[reason] = n
	}
	return c
}

// Acts are the steps that daemons took, waits left out.
func (s *Sim) Acts() []Act { return s.acts }

// Violations are the invariants that were broken; there must be none.
func (s *Sim) Violations() []string { return s.violations }

// Log is what happened, for people.
func (s *Sim) Log() []string { return s.log }

func (s *Sim) say(format string, args ...any) {
	s.log = append(s.log, s.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func (s *Sim) violate(format string, args ...any) {
	s.violations = append(s.violations, s.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	s.say("VIOLATION "+format, args...)
}

// At lets something happen after a delay.
func (s *Sim) At(delay time.Duration, do func()) {
	s.order++
	heap.Push(&s.events, event{at: s.now.Add(delay), order: s.order, do: do})
}

// between is a time between low and high, drawn from the seed.
func (s *Sim) between(low, high time.Duration) time.Duration {
	return low + time.Duration(s.rng.Int64N(int64(high-low)+1))
}

// off is how far a clock is ahead.
func (s *Sim) off() time.Duration {
	if s.cfg.Apart == 0 {
		return 0
	}
	return time.Duration(s.clocks.Int64N(int64(2*s.cfg.Apart))) - s.cfg.Apart
}

// Until lets virtual time pass until cond holds, at most for limit; it fails if it never does. cond is asked after every event.
func (s *Sim) Until(cond func() bool, limit time.Duration) error {
	end := s.now.Add(limit)
	for !cond() {
		if len(s.events) == 0 || s.events[0].at.After(end) {
			s.now = end
			return fmt.Errorf("it is not so after %s", limit)
		}
		s.next()
	}
	return nil
}

// Pass lets virtual time pass.
func (s *Sim) Pass(d time.Duration) {
	end := s.now.Add(d)
	for len(s.events) > 0 && !s.events[0].at.After(end) {
		s.next()
	}
	s.now = end
}

func (s *Sim) next() {
	e, _ := heap.Pop(&s.events).(event)
	if e.at.After(s.now) {
		s.now = e.at
	}
	e.do()
}

type event struct {
	at    time.Time
	order int64
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(a, b int) bool {
	if !e[a].at.Equal(e[b].at) {
		return e[a].at.Before(e[b].at)
	}
	return e[a].order < e[b].order
}
func (e events) Swap(a, b int) { e[a], e[b] = e[b], e[a] }
func (e *events) Push(x any) {
	if v, ok := x.(event); ok {
		*e = append(*e, v)
	}
}
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}
