package planner_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/planner"
)

// further is a settled cluster whose members trust one authority, and whose provider offers both
// that and another one. Each member's process reports what it has read.
func further(t *testing.T, n int) (o observation.Observation, one, two string) {
	t.Helper()
	one, two = authority(t, "one"), authority(t, "two")
	o = settled(n)
	o.CA.Bundle = one
	for i := range o.Units {
		reads(&o, i, one, one)
	}
	apply(&o)
	o.CA.Bundle = one + two
	return o, one, two
}

// reads lets the unit have a bundle on disk, and its process another; its leaves are of the first
// of the former.
func reads(o *observation.Observation, i int, disk, process string) {
	f := o.Units[i].Facts
	f.Certificates.CA = pki.Fingerprints(disk)
	f.Certificates.Of = f.Certificates.CA[:1]
	f.Running = nil
	if process == "" {
		return
	}
	spec := planner.Desired(*o, o.Units[i].Name)
	f.Running = new(spec.ReadAtStart())
	f.Running.CA = pki.Fingerprints(process)
}

// Leaves of a further authority are used when the process of every member has read it, and not when
// it stands on every disk.
func TestAFurtherAuthoritysLeavesWaitForEveryProcess(t *testing.T) {
	type member struct{ disk, process string }
	for _, c := range []struct {
		name    string
		offered string
		members []member
		leaves  string // none means all
	}{
		{"nobody has heard of it", "12", []member{{"1", "1"}, {"1", "1"}, {"1", "1"}}, "1"},
		{"it is on every disk", "12", []member{{"12", "1"}, {"12", "1"}, {"12", "1"}}, "1"},
		{"two of three were restarted", "12", []member{{"12", "12"}, {"12", "12"}, {"12", "1"}}, "1"},
		{"all were restarted", "12", []member{{"12", "12"}, {"12", "12"}, {"12", "12"}}, ""},
		{"agents of before tell what is on disk", "12", []member{{"12", ""}, {"12", ""}, {"12", ""}}, ""},
		{"one agent of before among newer ones", "12", []member{{"12", ""}, {"12", "1"}, {"12", "12"}}, "1"},
		{"a process that would not know it after a crash", "12", []member{{"12", "12"}, {"1", "12"}, {"12", "12"}}, "1"},
		{"no provider is related any more", "", []member{{"12", "12"}, {"12", "1"}, {"12", "12"}}, "1"},
		{"the former one is offered no more", "2", []member{{"12", "12"}, {"12", "1"}, {"12", "12"}}, "1"},
		{"the former one is offered no more, and all trust both", "2", []member{{"12", "12"}, {"12", "12"}, {"12", "12"}}, ""},
		{"one alone is offered, and trusted", "1", []member{{"1", "1"}, {"1", "1"}, {"1", "1"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, one, two := further(t, 3)
			text := func(digits string) string { return strings.NewReplacer("1", one, "2", two).Replace(digits) }
			for i, m := range c.members {
				reads(&o, i, text(m.disk), text(m.process))
			}
			o.CA.Bundle = text(c.offered)
			for _, u := range o.Units {
				if got := planner.Desired(o, u.Name).TLS.Leaves; !slices.Equal(got, pki.Fingerprints(text(c.leaves))) {
					t.Errorf("%s uses leaves of %v, not of %v", u.Name, got, pki.Fingerprints(text(c.leaves)))
				}
			}
		})
	}
	// Before there is a member nobody could refuse a leaf.
	o := virgin(3)
	o.CA.Bundle = authority(t, "one") + authority(t, "two")
	if got := planner.Desired(o, "etcd/0").TLS.Leaves; got != nil {
		t.Errorf("a cluster that is not born uses leaves of %v alone", got)
	}
}

// Processes that crash read the bundle sooner than the restarts come that wait for clients. Leaves of the
// further authority wait for these all the same; where members were never told to go on with the former
// ones, as under a bundle that is a chain, nothing is held.
func TestAFurtherAuthoritysLeavesWaitForClientsAfterACrash(t *testing.T) {
	for _, c := range []struct {
		name    string
		applied bool
		client  bool
		heard   bool
		held    bool
	}{
		{"clients have not heard", true, true, false, true},
		{"clients have heard", true, true, true, false},
		{"there is no client", true, false, false, false},
		{"nothing was held before", false, true, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, one, two := further(t, 3)
			for i := range o.Units {
				reads(&o, i, one+two, one+two)
				if o.Units[i].Facts.Applied.Leaves = nil; c.applied {
					o.Units[i].Facts.Applied.Leaves = pki.Fingerprints(one)
				}
			}
			if c.client {
				o.Clients = []observation.Client{kube(&o, time.Minute)}
			}
			o.History.Notices = map[string]observation.Notice{}
			for _, news := range planner.News(o) {
				at := o.Now
				if c.heard {
					at = o.Now.Add(-time.Hour)
				}
				o.History.Notices[news] = observation.Notice{At: at, After: at}
			}
			var want []string
			if c.held {
				want = pki.Fingerprints(one)
			}
			if got := planner.Desired(o, "etcd/0").TLS.Leaves; !slices.Equal(got, want) {
				t.Errorf("it uses leaves of %v, want %v", got, want)
			}
		})
	}
}

// The plan: all have the bundle, each is restarted once, the leader last, and then leaves change,
// without another restart.
func TestAFurtherAuthorityIsOneRollingRestart(t *testing.T) {
	o, _, _ := further(t, 3)
	var kinds []string
	for _, step := range planner.Plan(o) {
		kinds = append(kinds, string(step.Kind)+" "+step.Target("etcd"))
	}
	want := []string{"UpdateUnits etcd/0, etcd/1, etcd/2", "RestartMember etcd/1", "RestartMember etcd/2", "RestartMember etcd/0", "UpdateUnits etcd/0, etcd/1, etcd/2"}
	if !slices.Equal(kinds, want) {
		t.Errorf("the plan is %q, not %q", kinds, want)
	}
	said := func() string { return planner.Desired(o, "etcd/0").Status.Application.Message }
	if !strings.Contains(said(), "offers a further authority beside the one in use") {
		t.Errorf("the application says %q", said())
	}
	if state := planner.Desired(o, "etcd/0").Status.Application.State; state != "active" {
		t.Errorf("the application is %s", state)
	}
	for i := range o.Units {
		reads(&o, i, o.CA.Bundle, o.CA.Bundle)
	}
	if strings.Contains(said(), "further") {
		t.Errorf("in the end the application says %q", said())
	}
}

// Who joins shows his leaf to the members: one of the former authority is as good as ever, and with
// one of the other a unit waits for the restarts, which do not wait for it.
func TestWhoHasALeafOfAFurtherAuthorityJoinsAfterTheRestarts(t *testing.T) {
	for name, c := range map[string]struct {
		of   string // whose its leaves are; empty if it does not tell
		want planner.StepKind
	}{
		"of the former one": {"1", planner.StepAddLearner},
		"of the other one":  {"2", planner.StepRestart},
		"it does not tell":  {"", planner.StepRestart},
	} {
		t.Run(name, func(t *testing.T) {
			o, one, two := further(t, 3)
			for i := range o.Units {
				reads(&o, i, one+two, one)
				o.Units[i].Facts.RestartPending = true
			}
			join(&o)
			f := o.Units[3].Facts
			f.Certificates.CA = pki.Fingerprints(one + two)
			f.Certificates.Of = pki.Fingerprints(strings.NewReplacer("1", one, "2", two).Replace(c.of))
			apply(&o)
			step, _ := planner.Next(o)
			if step.Kind != c.want {
				t.Errorf("next is %s: %s", step.Kind, step.Reason)
			}
			if lets := c.want == planner.StepAddLearner; lets != (len(planner.Desired(o, "etcd/3").Clients.Endpoints) > 0) {
				t.Errorf("it publishes its certificate to clients: %t", !lets)
			}
			o.CA.Bundle = "" // the provider is away meanwhile
			apply(&o)
			if step, _ := planner.Next(o); step.Kind != c.want {
				t.Errorf("without a provider next is %s: %s", step.Kind, step.Reason)
			}
		})
	}
}

// Of two members none is restarted unasked, and a unit that could be the third may have to wait for
// that: a person is told so.
func TestTwoMembersAndAFurtherAuthorityNeedAPerson(t *testing.T) {
	o, one, two := further(t, 2)
	for i := range o.Units {
		reads(&o, i, one+two, one)
		o.Units[i].Facts.RestartPending = true
	}
	join(&o)
	o.Units[2].Facts.Certificates.CA, o.Units[2].Facts.Certificates.Of = pki.Fingerprints(one+two), pki.Fingerprints(two)
	apply(&o)
	if step, _ := planner.Next(o); !step.Person || !strings.Contains(step.Reason, "sudo snap restart etcd on both machines") {
		t.Errorf("next is %s, a person's %t: %s", step.Kind, step.Person, step.Reason)
	}
}

// A rotation from a bundle that not every member has read goes on with leaves that all trust.
func TestARotationBeginsWithLeavesThatEveryProcessTrusts(t *testing.T) {
	o, one, two := further(t, 3)
	three := authority(t, "three")
	for i := range o.Units {
		reads(&o, i, one+two, one)
		o.Units[i].Facts.Protocol, o.Units[i].Facts.RestartPending = v1alpha1.Protocol, true
		o.Units[i].Facts.Certificates.TrustedCA = one + two
	}
	offer(&o, one+two, three)
	ask(&o, 1, 70, v1alpha1.ActionRotateCA, "")
	step, _ := planner.Next(o)
	for step.Kind == planner.StepUpdate || step.Kind == planner.StepRestart {
		o = planner.Predict(o, step)
		step, _ = planner.Next(o)
	}
	if step.Kind != planner.StepAnswer && step.Kind != planner.StepJournal {
		t.Fatalf("next is %s: %s", step.Kind, step.Reason)
	}
	o = planner.Predict(o, step)
	reads(&o, 0, one+two+three, one)
	o.CA.Bundle = one + two + three
	if got := planner.Desired(o, "etcd/1").TLS; !slices.Equal(got.Leaves, pki.Fingerprints(one)) || !slices.Equal(got.Next, pki.Fingerprints(three)) {
		t.Errorf("leaves of %v are used, and next of %v", got.Leaves, got.Next)
	}
}

// An agent that tells whose its leaves are need not be taken for one that may have any.
func TestAUnitThatTrustsMoreJoinsWithALeafThatMembersTrust(t *testing.T) {
	for name, c := range map[string]struct {
		of   string
		want bool
	}{"of theirs": {"1", true}, "of the other": {"2", false}, "an agent of before": {"", false}} {
		t.Run(name, func(t *testing.T) {
			o, one, two := further(t, 3)
			o.CA.Bundle = ""
			join(&o)
			f := o.Units[3].Facts
			f.Certificates.CA = pki.Fingerprints(one + two)
			f.Certificates.Of = pki.Fingerprints(strings.NewReplacer("1", one, "2", two).Replace(c.of))
			apply(&o)
			if step, _ := planner.Next(o); (step.Kind == planner.StepAddLearner) != c.want {
				t.Errorf("next is %s: %s", step.Kind, step.Reason)
			}
		})
	}
}
