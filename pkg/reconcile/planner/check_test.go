package planner_test

import (
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

type want struct {
	kind   planner.StepKind // empty: nothing to do
	target string
	person bool
	reason string
}

func TestNext(t *testing.T) {
	const wait = planner.StepWait
	for _, c := range []struct {
		name  string
		start observation.Observation
		do    func(o *observation.Observation)
		want  want
	}{
		{"a settled cluster needs nothing", settled(3), func(*observation.Observation) {}, want{}},
		{"a settled cluster is not claimed", settled(3), func(o *observation.Observation) { o.Claimed = 0 }, want{}},
		{"the claim comes before the first act", settled(3), func(o *observation.Observation) { o.Claimed = 0; o.Units[1].Facts.Applied = nil },
			want{planner.StepClaim, "etcd/0", false, "before the first act, which is to update units"}},
		{"paused", settled(3), func(o *observation.Observation) { o.Policy.Paused = true; o.Units[1].Facts.Applied = nil },
			want{wait, "", true, "paused"}},
		{"a foreign daemon leads", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
			o.Units[1].Facts.Applied = nil
		}, want{wait, "", true, "Another daemon (daemon-b)"}},
		{"a foreign daemon is replaced when we are told to", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
			o.Claimed, o.TakeOver, o.Units[1].Facts.Applied = 0, true, nil
		}, want{planner.StepClaim, "etcd/0", false, ""}},
		{"a foreign daemon is replaced at once, though there is nothing to do", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
			o.Claimed, o.TakeOver, o.Blind = 0, true, []string{"the tasks cannot be read"}
		}, want{planner.StepClaim, "etcd/0", false, "daemon-b) leads this cluster since epoch 9, and this one was told to take over"}},
		{"nobody takes over from himself", settled(3), func(o *observation.Observation) { o.Claimed, o.TakeOver = 0, true }, want{}},
		{"nobody takes over while it is paused", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
			o.Claimed, o.TakeOver, o.Policy.Paused = 0, true, true
		}, want{wait, "", true, "paused"}},
		{"whoever was replaced does not take over again", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 9, Holder: "daemon-b"}
			o.TakeOver, o.Units[1].Facts.Applied = true, nil
		}, want{wait, "", true, "Another daemon"}},
		{"a newer process of ours leads", settled(3), func(o *observation.Observation) {
			o.Latch.Epoch = &v1alpha1.Epoch{Number: 4, Holder: "daemon-a"}
			o.Units[1].Facts.Applied = nil
		}, want{wait, "", true, "newer process"}},
		{"the latch was not read", settled(3), func(o *observation.Observation) {
			o.LatchRead, o.Latch, o.Blind = false, v1alpha1.Latch{}, []string{"the databags cannot be read"}
		}, want{wait, "", false, "the databags cannot be read"}},
		{"a newer daemon has begun a procedure", settled(3), func(o *observation.Observation) {
			join(o)
			o.Latch.Journal = `[{"procedure":"rotate-ca","phase":"trust-both"}]`
		}, want{wait, "", true, "does not know"}},
		{"an empty journal", settled(3), func(o *observation.Observation) {
			join(o)
			o.Latch.Journal = "[]"
		}, want{planner.StepAddLearner, "etcd/3", false, "ready to join"}},
		{"nobody is there", virgin(0), func(*observation.Observation) {}, want{wait, "", true, "no units"}},
		{"the application goes", settled(3), func(o *observation.Observation) { o.ApplicationDying = true }, want{wait, "", false, "removing"}},
		{"two clusters answer", settled(3), func(o *observation.Observation) {
			h := o.Etcd.Health[url(1)]
			h.ClusterID = 0xbb
			o.Etcd.Health[url(1)] = h
			join(o)
		}, want{wait, "", true, "Two different clusters"}},
		{"the data is another cluster's", settled(3), func(o *observation.Observation) { o.Units[2].Facts.Member.ClusterID = "00000000000000bb" },
			want{wait, "", true, "the data of etcd/2"}},
		{"all data is lost", settled(3), func(o *observation.Observation) {
			o.Etcd = etcdops.View{Health: o.Etcd.Health}
			for i := range o.Units {
				o.Units[i].Facts.Member.Present = false
				down(o, i, time.Minute)
			}
			apply(o)
		}, want{wait, "", true, "is lost"}},
		{"no quorum", settled(3), func(o *observation.Observation) {
			o.Etcd = etcdops.View{Health: o.Etcd.Health, Err: "no leader"}
			down(o, 1, time.Minute)
			down(o, 2, time.Minute)
			apply(o)
		}, want{wait, "", false, "There is no quorum: no leader"}},
		{"no quorum is reported", settled(3), func(o *observation.Observation) {
			o.Etcd = etcdops.View{Health: o.Etcd.Health, Err: "no leader"}
			down(o, 1, time.Minute)
			down(o, 2, time.Minute)
		}, want{planner.StepUpdate, "etcd/0, etcd/1, etcd/2", false, ""}},
		{"an election is not reported to every unit", settled(3), func(o *observation.Observation) {
			o.Etcd = etcdops.View{Health: o.Etcd.Health, Err: "no leader"}
			o.History.NoQuorumSince = o.Now.Add(-time.Second)
		}, want{wait, "", false, "no quorum"}},
		{"etcd is closed to us", settled(3), func(o *observation.Observation) {
			o.Closed, o.Etcd, o.Blind = true, etcdops.View{}, []string{"closed"}
		}, want{wait, "", false, "cannot be reached"}},
		{"nothing is concluded from being closed out", settled(3), func(o *observation.Observation) {
			down(o, 1, time.Hour)
			down(o, 2, time.Hour)
			o.Closed, o.Etcd, o.Blind = true, etcdops.View{}, nil
		}, want{wait, "", false, "no unit has told"}},
		{"what a unit has seen is as good", settled(3), func(o *observation.Observation) {
			join(o)
			o.Closed, o.Through = true, "etcd/0"
		}, want{planner.StepAddLearner, "etcd/3", false, "ready to join"}},

		{"a unit that is ready is added", settled(3), join, want{planner.StepAddLearner, "etcd/3", false, "ready to join"}},
		{"nothing is added while an alarm is active", settled(3), func(o *observation.Observation) {
			join(o)
			o.Etcd.Alarms = []etcdops.Alarm{{Member: id(0), Kind: "NOSPACE"}}
		}, want{wait, "", false, "NOSPACE"}},
		{"nothing is added to a cluster that has just changed", settled(3), func(o *observation.Observation) {
			join(o)
			o.History.LastChange = o.Now.Add(-time.Second)
		}, want{wait, "", false, "stable for 5s"}},
		{"nothing is added while a member is down", settled(3), func(o *observation.Observation) { join(o); down(o, 1, time.Minute); apply(o) },
			want{wait, "", false, "2 of 3 voters are healthy"}},
		{"nothing is added while something is unseen", settled(3), func(o *observation.Observation) { join(o); o.Blind = []string{"the tasks cannot be read"} },
			want{wait, "", false, "the tasks cannot be read"}},
		{"nothing is added while a restart may still run", settled(3), func(o *observation.Observation) {
			join(o)
			o.Units[1].Task = &observation.Task{ID: 7, Enqueued: o.Now.Add(-v1alpha1.DeliveryTTL)}
		}, want{wait, "", false, "task 7 may still run"}},
		{"a task that is over does not hold anything up", settled(3), func(o *observation.Observation) {
			join(o)
			o.Units[1].Task = &observation.Task{ID: 7, Enqueued: o.Now.Add(-v1alpha1.DeliveryTTL - v1alpha1.LongestRun)}
		}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		{"a harmless task does not hold anything up", settled(3), func(o *observation.Observation) {
			join(o)
			o.Units[1].Task = &observation.Task{ID: 7, Enqueued: o.Now, Ours: true, Deadline: o.Now.Add(time.Minute), Harmless: true}
		}, want{planner.StepAddLearner, "etcd/3", false, ""}},
		{"who failed to be added waits its time", settled(3), func(o *observation.Observation) {
			join(o)
			o.History.Attempts["AddLearner etcd/3"], o.History.NotBefore["AddLearner etcd/3"] = 2, o.Now.Add(time.Minute)
		}, want{wait, "", false, "adding etcd/3 has failed 2 times"}},
		{"the next is added while another waits its time", settled(3), func(o *observation.Observation) {
			join(o)
			join(o)
			o.History.NotBefore["AddLearner etcd/3"] = o.Now.Add(time.Minute)
		}, want{planner.StepAddLearner, "etcd/4", false, ""}},
		{"a joiner is prepared first", settled(3), func(o *observation.Observation) { join(o); o.Units[3].Facts.Snap = nil },
			want{planner.StepPrepare, "etcd/3", false, ""}},
		{"nobody is added who could not be prepared", settled(3), func(o *observation.Observation) {
			join(o)
			o.Units[3].Facts.Snap = nil
			o.Units[3].Last = &observation.Result{Outcome: v1alpha1.OutcomeFailed, Message: "the disk is full", NotBefore: o.Now.Add(time.Second)}
		}, want{wait, "", false, "not carried out: the disk is full"}},
		{"all joiners are prepared at once", settled(3), func(o *observation.Observation) {
			join(o)
			join(o)
			o.Units[3].Facts.Snap, o.Units[4].Facts.Snap = nil, nil
		}, want{planner.StepPrepare, "etcd/3, etcd/4", false, ""}},

		{"an added member is started", settled(3), func(o *observation.Observation) {
			join(o)
			o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(3), PeerURLs: []string{peer(3)}, Learner: true})
			o.History.LastChange = o.Now
		}, want{planner.StepStart, "etcd/3", false, ""}},
		{"an added member whose unit is gone is taken back", settled(3), func(o *observation.Observation) {
			o.Etcd.Members = append(o.Etcd.Members, etcdops.Member{ID: id(3), PeerURLs: []string{peer(3)}, Learner: true})
		}, want{planner.StepRemove, "member 0000000000000013", false, "its unit is gone"}},
		{"a promotion that failed waits its time", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 10)
			o.History.NotBefore["PromoteLearner "+id(3).String()] = o.Now.Add(time.Second)
		}, want{wait, "", false, "it has failed once"}},
		{"a learner that has caught up is promoted", settled(3), func(o *observation.Observation) { join(o); learn(o, 10) },
			want{planner.StepPromote, "etcd/3", false, ""}},
		{"a learner that is behind is not", settled(3), func(o *observation.Observation) { join(o); learn(o, 2000) },
			want{wait, "", false, "2000 entries behind"}},
		{"a learner is not promoted below etcd's own nine tenths", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 10)
			for url, h := range o.Etcd.Health {
				h.RaftIndex, h.AppliedIndex = 20, 20
				if h.Learner {
					h.AppliedIndex = 17
				}
				o.Etcd.Health[url] = h
			}
		}, want{wait, "", false, "3 entries behind"}},
		{"a learner that runs and does not serve is nudged", settled(3), func(o *observation.Observation) { join(o); learn(o, 10); mute(o, 3*time.Second) },
			want{planner.StepNudge, "etcd/3", false, "nobody writes"}},
		{"a learner is given its time to serve", settled(3), func(o *observation.Observation) { join(o); learn(o, 10); mute(o, 2*time.Second) },
			want{wait, "", false, "it does not serve"}},
		{"a learner is not nudged again at once", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 10)
			mute(o, time.Minute)
			o.History.NotBefore["NudgeLearner "+id(3).String()] = o.Now.Add(time.Second)
		}, want{wait, "", false, "it does not serve"}},
		{"a learner that is down is not nudged", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 10)
			down(o, 3, time.Minute)
			o.History.LastChange = o.Now.Add(-time.Minute)
		}, want{wait, "", false, "it does not serve"}},
		{"a learner that stalls is taken back", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 2000)
			o.History.LastChange = o.Now.Add(-5 * time.Minute)
		}, want{planner.StepRemove, "etcd/3", false, "no progress"}},
		{"a learner that goes on is waited for", settled(3), func(o *observation.Observation) {
			join(o)
			learn(o, 2000)
			o.History.LastChange, o.History.Progress[id(3)] = o.Now.Add(-5*time.Minute), o.Now.Add(-time.Minute)
		}, want{wait, "", false, "2000 entries behind"}},

		{"a wiped member is removed", settled(3), func(o *observation.Observation) {
			o.Units[2].Facts.Member.Present = false
			down(o, 2, time.Minute)
			apply(o)
		}, want{planner.StepRemove, "etcd/2", false, "data of etcd/2 is lost"}},
		{"a wiped member is not removed at once", settled(3), func(o *observation.Observation) {
			o.Units[2].Facts.Member.Present = false
			down(o, 2, 5*time.Second)
			apply(o)
		}, want{wait, "", false, "is lost"}},
		{"a member that serves is believed more than its facts", settled(3), func(o *observation.Observation) {
			o.Units[2].Facts.Member.Present = false
			o.History.UnhealthySince[url(2)] = o.Now.Add(-time.Hour)
			apply(o)
		}, want{}},
		{"a wiped member stays while another is down", settled(5), func(o *observation.Observation) {
			o.Units[2].Facts.Member.Present = false
			down(o, 2, time.Minute)
			down(o, 3, time.Minute)
			down(o, 4, time.Minute)
			apply(o)
		}, want{wait, "", false, "But it stays for now"}},

		{"clients are informed before a unit leaves", settled(3), func(o *observation.Observation) { o.Units[2].Dying = true },
			want{planner.StepUpdate, "etcd/0, etcd/1", false, ""}},
		{"a unit that leaves is removed", settled(3), func(o *observation.Observation) { o.Units[2].Dying = true; apply(o) },
			want{planner.StepRemove, "etcd/2", false, "Juju is removing etcd/2"}},
		{"clients are informed before a member goes that is published no more", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, time.Second))
			delete(o.History.Notices, "etcd/2")
		}, want{wait, "", false, "Clients are told that etcd/2 leaves"}},
		{"clients' hooks run before a member goes", settled(3), func(o *observation.Observation) { leaves(o, 10*time.Second, kube(o, 11*time.Second)) },
			want{wait, "", false, "take it in: kube/0"}},
		{"clients know of one that stays before a member goes", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, 11*time.Second))
			for i := range o.Units {
				o.History.Notices[url(i)] = observation.Notice{At: o.Now.Add(-10 * time.Second), After: o.Now.Add(-10 * time.Second)}
			}
		}, want{wait, "", false, "Clients have been told that etcd0 serves at"}},
		{"who has a stale list and a delivery on its way publishes first", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, time.Second))
			join(o)
			o.Units[3].Facts.Applied.Clients = []string{url(2)}
			o.Units[3].Task = &observation.Task{ID: 7, Enqueued: o.Now, Ours: true, Harmless: true, Deadline: o.Now.Add(time.Minute)}
		}, want{wait, "", false, "etcd/3 is about to tell its clients where the cluster is: task 7 is not final"}},
		{"who has a stale list and does not take its delivery up is not waited for", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, time.Second))
			join(o)
			o.Units[3].Facts.Applied.Clients = []string{url(2)}
			o.Units[3].Task = &observation.Task{ID: 7, Enqueued: o.Now, Ours: true, Harmless: true, Deadline: o.Now}
		}, want{planner.StepRemove, "etcd/2", false, ""}},
		{"whose hooks fail, and whose clients know of nobody else, stays", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, time.Second))
			o.Units[2].Failed = true
			o.Units[2].Facts.Applied.Clients = []string{url(2)}
		}, want{wait, "", true, "Clients that read what etcd/2 has published know of no other member"}},
		{"whose hooks fail, and whose clients know of others, leaves", settled(3), func(o *observation.Observation) {
			leaves(o, time.Minute, kube(o, time.Second))
			o.Units[2].Failed = true
			o.Units[2].Facts.Applied.Clients = []string{url(2), url(1)}
		}, want{planner.StepRemove, "etcd/2", false, ""}},
		{"a hook that still runs has not taken it in", settled(3), func(o *observation.Observation) {
			c := kube(o, 5*time.Second)
			c.Idle = false
			leaves(o, 10*time.Second, c)
		}, want{wait, "", false, "take it in: kube/0"}},
		{"clients of other models are given their time", settled(3), func(o *observation.Observation) {
			leaves(o, 29*time.Second, kube(o, time.Second), observation.Client{Name: "remote-1", Unseen: true})
		}, want{wait, "", false, "take it in: remote-1 of another model"}},
		{"clients whose hooks have run are not waited for", settled(3), func(o *observation.Observation) { leaves(o, 10*time.Second, kube(o, 9*time.Second)) },
			want{planner.StepRemove, "etcd/2", false, ""}},
		{"clients' hooks are waited for for 30 s", settled(3), func(o *observation.Observation) {
			leaves(o, 30*time.Second, kube(o, time.Minute), observation.Client{Name: "remote-1", Unseen: true})
		}, want{planner.StepRemove, "etcd/2", false, ""}},
		{"a leader hands over when clients have heard", settled(3), func(o *observation.Observation) {
			o.Units[0].Dying = true
			leaves(o, 10*time.Second, kube(o, 9*time.Second))
			o.Units[2].Dying = false
			apply(o)
		}, want{planner.StepMoveLeader, "etcd/0", false, ""}},
		{"no client is waited for when the member serves nobody", settled(3), func(o *observation.Observation) {
			leaves(o, time.Second, kube(o, time.Minute))
			down(o, 2, time.Minute)
			apply(o)
		}, want{planner.StepRemove, "etcd/2", false, ""}},
		{"without clients a member goes at once", settled(3), func(o *observation.Observation) {
			leaves(o, time.Second)
			o.History.Notices = nil
		}, want{planner.StepRemove, "etcd/2", false, ""}},
		{"a leader hands over before it leaves", settled(3), func(o *observation.Observation) { o.Units[0].Dying = true; apply(o) },
			want{planner.StepMoveLeader, "etcd/0", false, "hands over first"}},
		{"a leader that cannot hand over leaves all the same", settled(3), func(o *observation.Observation) {
			o.Units[0].Dying = true
			apply(o)
			o.History.Attempts["MoveLeader "+id(0).String()] = 3
		}, want{planner.StepRemove, "etcd/0", false, ""}},
		{"a unit that leaves stays a member while another is down", settled(3), func(o *observation.Observation) {
			o.Units[2].Dying = true
			down(o, 1, time.Minute)
			apply(o)
		}, want{wait, "", false, "But it stays for now"}},
		{"the last units leave without a guard", settled(1), func(o *observation.Observation) { o.Units[0].Dying = true },
			want{wait, "", false, "nothing left to guard"}},
		{"a member without a unit goes after its grace", settled(3), func(o *observation.Observation) {
			o.Units = o.Units[:2]
			down(o, 2, v1alpha1.DefaultRemovalGrace)
			apply(o)
		}, want{planner.StepRemove, "member 0000000000000012", false, "has no unit"}},
		{"a member without a unit stays for its grace", settled(3), func(o *observation.Observation) {
			o.Units = o.Units[:2]
			down(o, 2, v1alpha1.DefaultRemovalGrace-time.Second)
			apply(o)
		}, want{wait, "", false, "it is removed at 12:00:01 UTC"}},
		{"a member without a unit stays while nobody has seen it silent", settled(3), func(o *observation.Observation) {
			o.Units = o.Units[:2]
			down(o, 2, time.Hour)
			delete(o.History.UnhealthySince, url(2))
			apply(o)
		}, want{wait, "", false, "has no unit and does not answer."}},
		{"a member without a unit that serves is left alone", settled(3), func(o *observation.Observation) {
			o.Units = o.Units[:2]
			o.History.UnhealthySince[url(2)] = o.Now.Add(-time.Hour)
			apply(o)
		}, want{}},

		{"nothing disruptive begins before it is known who is at work", settled(3), func(o *observation.Observation) {
			o.Units[1].Facts.RestartPending = true
			o.TasksStale = true
			apply(o)
		}, want{wait, "", false, "before it has been read what runs on the units"}},
		{"a follower is restarted first", settled(3), func(o *observation.Observation) {
			for i := range o.Units {
				o.Units[i].Facts.RestartPending = true
			}
		}, want{planner.StepRestart, "etcd/1", false, ""}},
		{"an unhealthy member is restarted before the others", settled(3), func(o *observation.Observation) {
			down(o, 2, time.Minute)
			apply(o)
			for i := range o.Units {
				o.Units[i].Facts.RestartPending = true
			}
		}, want{planner.StepRestart, "etcd/2", false, ""}},
		{"nobody is restarted while another is down", settled(3), func(o *observation.Observation) {
			down(o, 2, time.Minute)
			apply(o)
			o.Units[1].Facts.RestartPending = true
		}, want{wait, "", false, "Not every voter is healthy"}},
		{"one of two is a person's business", settled(2), func(o *observation.Observation) { o.Units[1].Facts.RestartPending = true; apply(o) },
			want{wait, "", true, "add a unit"}},
		{"the only member is restarted, and the cost reported", settled(1), func(o *observation.Observation) { o.Units[0].Facts.RestartPending = true },
			want{planner.StepRestart, "etcd/0", false, "nothing is served"}},

		{"updates go to all that need them", settled(3), func(o *observation.Observation) { o.Units[1].Facts.Applied = nil; o.Units[2].Facts.Applied = nil },
			want{planner.StepUpdate, "etcd/1, etcd/2", false, ""}},
		{"a lost agent is not written to", settled(3), func(o *observation.Observation) {
			o.Units[1].Facts.Applied, o.Units[2].Facts.Applied, o.Units[1].Lost = nil, nil, true
		}, want{planner.StepUpdate, "etcd/2", false, ""}},
		{"a unit with a task is not written to", settled(3), func(o *observation.Observation) {
			o.Units[1].Facts.Applied, o.Units[1].Task = nil, &observation.Task{ID: 5, Enqueued: o.Now, Harmless: true}
		}, want{wait, "", false, "task 5 is pending"}},
		{"a unit that refused waits its time", settled(3), func(o *observation.Observation) {
			o.Units[1].Facts.Applied = nil
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeRefused, Reason: "OlderAction", NotBefore: o.Now.Add(time.Second)}
		}, want{wait, "", false, "refused: OlderAction"}},
		{"facts that are late are waited for", settled(3), func(o *observation.Observation) {
			spec := planner.Desired(*o, "etcd/1")
			o.Units[1].Facts.Applied.Hash = "old"
			o.Units[1].Last = &observation.Result{Outcome: v1alpha1.OutcomeApplied, Hash: spec.Hash(), At: o.Now.Add(-time.Second)}
		}, want{}},
		{"a changed port is written on all first", settled(3), func(o *observation.Observation) { o.Options.Port = 4001 },
			want{planner.StepUpdate, "etcd/0, etcd/1, etcd/2", false, ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := planner.Clone(c.start)
			c.do(&o)
			expect(t, o, c.want)
		})
	}
}

func expect(t *testing.T, o observation.Observation, w want) {
	t.Helper()
	step, ok := planner.Next(o)
	if ok != (w.kind != "") || step.Kind != w.kind {
		t.Fatalf("got %q %s %q, want %q", step.Kind, step.Target(o.Application), step.Reason, w.kind)
	}
	if w.target != "" && step.Target(o.Application) != w.target {
		t.Errorf("got %s for %s, want it for %s", step.Kind, step.Target(o.Application), w.target)
	}
	if step.Person != w.person {
		t.Errorf("person: %t, want %t (%s)", step.Person, w.person, step.Reason)
	}
	if !strings.Contains(step.Reason, w.reason) {
		t.Errorf("reason %q, want %q in it", step.Reason, w.reason)
	}
	planner.Status(o)
}
