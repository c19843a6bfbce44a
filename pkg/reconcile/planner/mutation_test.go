//go:build !race

// The programs with a guard taken out are built without the race detector in any case: once is enough.

package planner_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutation takes one guard out of the planner's source.
type mutation struct {
	guard, file, old, new string
}

var mutations = []mutation{
	{"pause", "gates.go", "if !in.Policy.Paused {", "if true {"},
	{"the latch must have been read", "gates.go", "if in.LatchRead {", "if true {"},
	{"a foreign holder is not replaced untold", "gates.go", "(!in.TakeOver || in.Claimed != 0)", "false"},
	{"take over once", "gates.go", "(!in.TakeOver || in.Claimed != 0)", "!in.TakeOver"},
	{"a take-over is made at once", "next.go", "{name: \"take-over\", next: takeOver, gate: true},", ""},
	{"nobody takes over from himself", "gates.go", "|| e.Holder == in.Self || !in.TakeOver", "|| !in.TakeOver"},
	{"a newer process of ours", "gates.go", "in.Claimed != 0 && e.Number > in.Claimed", "false"},
	{"one cluster ID", "gates.go", "if len(order) < 2 {", "if true {"},
	{"the last unit is exempt", "gates.go", "case len(in.alive()) == 0:\n", "case false:\n"},
	{"lost data is a person's", "quorum.go", "if in.Latch.ClusterID == \"\" || in.Etcd.Listed {\n\t\treturn Step{}, false\n\t}\n\tknown", "if true {\n\t\treturn Step{}, false\n\t}\n\tknown"},
	{"stability", "quorum.go", "in.Now.Before(at)", "false"},
	{"blindness", "next.go", "len(in.Blind) > 0 && s.Kind != StepUpdate", "false"},
	{"an exposure ends a blindness", "next.go", " && s.Kind != StepExpose", ""},
	{"nothing is exposed in an open network", "expose.go", "if !in.Closed || len(step.CIDRs)", "if len(step.CIDRs)"},
	{"nothing is exposed twice", "expose.go", "&& !in.Exposures[ExposedEndpoint].Covers(p)", ""},
	{"nothing is exposed that everybody reaches", "expose.go", "!in.Exposures[jujuapi.EveryEndpoint].Covers(p) && ", ""},
	{"the backoff of exposures", "expose.go", "|| in.Now.Before(in.History.NotBefore[step.Key()])", ""},
	{"who stands by exposes nothing", "next.go", "{name: \"standby\", next: standby, gate: true},\n\t{name: \"take-over\", next: takeOver, gate: true},\n\t{name: \"journal\", next: unknownJournal, gate: true},\n\t{name: \"exposure\", next: expose, yields: true},", "{name: \"exposure\", next: expose, yields: true},\n\t{name: \"standby\", next: standby, gate: true},"},
	{"an unknown procedure is a newer daemon's", "gates.go", "if !in.Latch.UnknownJournal() {", "if true {"},
	{"a disruption that may still run", "next.go", "if u.Task.mayDisturb(in.Now) {", "if false {"},
	{"the backoff of steps", "next.go", "in.Now.Before(at) {\n\t\treturn wait(\"Cannot %s yet", "false {\n\t\treturn wait(\"Cannot %s yet"},
	{"the claim", "next.go", "if !in.claimed() {", "if false {"},
	{"never two deliveries", "input.go", "case u.Task != nil:", "case false:"},
	{"lost agents", "input.go", "case u.Lost:", "case false:"},
	{"the backoff of deliveries", "input.go", "in.Now.Before(in.again(u))", "false"},
	{"the backoff of what has failed", "input.go", "u.Last.Outcome == v1alpha1.OutcomeInProgress && u.Facts", "u.Facts"},
	{"the backoff of what was seen already", "input.go", ".After(u.Last.At)", ".After(time.Time{})"},
	{"the longest run", "input.go", "t.deadline().Add(v1alpha1.LongestRun)", "t.deadline()"},
	{"no port for clients that peers have", "effective.go", "slices.Contains(peers, o.Port)", "false"},
	{"no port for peers that clients have", "effective.go", "slices.Contains(clients, o.ManagementPort)", "false"},
	{"suites for the keys that there are", "effective.go", "if !slices.ContainsFunc(in.opts.CipherSuites", "if false && !slices.ContainsFunc(in.opts.CipherSuites"},
	{"a quota above the database", "effective.go", "size >= quota", "size < 0"},
	{"the pair by way of one that fits", "effective.go", "if fits {", "if true {"},
	{"seeds stay with what they were told", "effective.go", "case in.Latch.ClusterID == \"\" && known:", "case false:"},
	{"nothing is restarted for a default that nobody chose", "grow.go", "!in.Etcd.Listed || in.unsure", "!in.Etcd.Listed"},
	{"one that was told is finished first", "move.go", "if !in.peersKnow(u) || !in.runsElsewhere(u) || in.awaitsPeerPort(u) {", "if true {"},
	{"clients are told before the next one moves", "grow.go", "yes && in.runsElsewhere(u)", "false"},
	{"both ports are open while a member moves", "desired.go", "[]int32{in.opts.Port, PortOf(in.servesAt(u))}", "[]int32{in.opts.Port}"},
	{"a learner stays where it was added", "input.go", "listed != 0 && (m.Learner || !m.Started())", "false"},
	{"a third member before one of two moves", "move.go", "len(in.Etcd.Voters()) == 2 && len(in.joiners()) > 0", "false"},
	{"nothing is applied on another's machine", "clients.go", "!taken(u) && !in.applied(u)", "!in.applied(u)"},
	{"who is gone has been for a while", "occupied.go", " || in.Now.Before(gone.Since.Add(goneGrace)) {\n\t\t\treturn nil", " {\n\t\t\treturn nil"},
	{"only a unit of this model is known to be gone", "occupied.go", " || r.ModelUUID != \"\" && r.ModelUUID != in.ModelUUID", ""},
	{"whose data is left", "occupied.go", "if !u.Facts.Taken.ClearedBy(orphans) {", "if false {"},
	{"a member of ours is missed", "occupied.go", "return in.Etcd.Listed && !in.listed(data.MemberID)", "return true"},
	{"a whole application is gone only if each of its units is", "occupied.go", "orphans.Whole = orphans.Whole && (gone", "orphans.Whole = (gone"},
	{"a cluster that is being born is no former one", "occupied.go", " || in.Latch.ClusterID == \"\" && in.Latch.Seeds != nil {", " {"},
	{"members make way one at a time", "occupied.go", "len(in.joiners()) > 0 || slices.ContainsFunc(alive, in.clearable)", "false"},
	{"a member makes way only for who waits for its machine", "occupied.go", " && u.Facts.Taken.Data.MemberID == m.ID.String()", ""},
	{"what nobody has recorded is a person's", "birth.go", "case taken(u) && !u.Dying && len(u.Facts.Taken.Units) == 0:", "case false:"},
	{"the latch is not written from another's machine", "next.go", "if taken(leader) && kind != StepClaim {", "if false {"},
	{"another's machine is not asked", "occupied.go", "return data == nil || o.Latch.ClusterID == \"\" || data.ClusterID != o.Latch.ClusterID", "return data == nil && o.Latch.ClusterID == \"\""},
	{"an unstarted member is finished first", "next.go", "{name: \"change under way\", next: finishChange},", ""},
	{"the rest between nudges", "members.go", "at.After(due)", "false"},
	{"nobody is nudged who is down", "members.go", " || h.Fault == etcdops.FaultRefused", ""},
	{"stalled learners", "members.go", "limit > 0 && !since.IsZero()", "false"},
	{"etcdops.CanPromote", "members.go", "etcdops.CanPromote(in.Etcd, m.ID, in.Policy.Growth.LagLimit); err != nil", "error(nil); err != nil"},
	{"etcd's nine tenths", "members.go", "applied*10 >= (applied+lag)*9", "applied >= 0"},
	{"no empty disk under an old identity", "members.go", "!begun(u) && len(m.ClientURLs) == 0", "true"},
	{"a wiped member's silence", "members.go", "since.IsZero() || in.Now.Before(at) {\n\t\t\treturn wait(\"%s\", reason)", "false {\n\t\t\treturn wait(\"%s\", reason)"},
	{"a member that serves is not wiped", "members.go", "u.Task == nil && !in.serving(m)", "u.Task == nil"},
	{"clients first", "members.go", "ok && step.Kind == StepUpdate {", "ok && step.Kind == \"\" {"},
	{"clients' databags first", "clients.go", "if !ok {\n\t\treturn wait(\"Clients are told", "if !ok && false {\n\t\treturn wait(\"Clients are told"},
	{"clients' hooks", "clients.go", "len(deaf) == 0 ||", "true ||"},
	{"clients' hooks are not waited for for ever", "clients.go", "|| !in.Now.Before(end)", ""},
	{"no client, no waiting", "clients.go", "if len(in.Clients) == 0 {", "if false {"},
	{"no waiting for a member that serves nobody", "clients.go", "if !in.serving(m) {", "if false {"},
	{"clients' hooks before the next one moves", "grow.go", "step, ok := in.moves(u); ok {", "step, ok := in.moves(u); ok && false {"},
	{"no waiting where clients find all as before", "clients.go", "if !in.servesElsewhere(u) {", "if false {"},
	{"no waiting for news of the one that moves", "clients.go", "if m.name == in.member[u.Name].Name {", "if false {"},
	{"a hook that runs is not over", "clients.go", "!c.Idle ||", ""},
	{"a hook from before", "clients.go", "|| !c.Since.After(told.After)", ""},
	{"clients of other models", "clients.go", "case c.Unseen:", "case false:"},
	{"what is on its way is waited for", "clients.go", "return in.Now.Before(u.Task.deadline())", "return false"},
	{"lost agents tell nobody", "clients.go", "!u.Provisioned || u.Lost || u.Failed", "false"},
	{"what failed is not waited for", "clients.go", "!in.Now.Before(in.again(u))", "true"},
	{"the leader hands over", "members.go", "step.Kind != StepRemove || in.Etcd.Leader() != m.ID", "true"},
	{"a stale member's grace", "members.go", "since.IsZero() || in.Now.Before(at) {\n\t\t\treturn wait(\"Member %s has no unit", "false {\n\t\t\treturn wait(\"Member %s has no unit"},
	{"a stale member that serves", "members.go", "ok || in.serving(m) {", "ok {"},
	{"etcdops.CanRemove", "members.go", "etcdops.CanRemove(in.Etcd, m.ID); err != nil", "error(nil); err != nil"},
	{"virgin: no data", "birth.go", "case hasData(u):\n\t\t\treturn wait", "case false:\n\t\t\treturn wait"},
	{"virgin: no record", "birth.go", "case begun(u):\n\t\t\treturn wait", "case false:\n\t\t\treturn wait"},
	{"virgin: all facts", "birth.go", "case u.Facts == nil && u.Provisioned && !u.Dying:", "case false:"},
	{"virgin: what is not told is not absent", "birth.go", "case u.Facts == nil && u.Unread:", "case false:"},
	{"dead units are handed nothing", "input.go", "case u.Dead:", "case false:"},
	{"virgin: nobody answers", "birth.go", "if in.Etcd.Health[url].Answered {", "if false {"},
	{"virgin: everybody was asked", "birth.go", "; !asked {", "; asked && false {"},
	{"certificates", "birth.go", "case u.Facts == nil || ready(u):", "case true:"},
	{"an authority before the birth", "birth.go", "case in.CA.Bundle != \"\":", "case true:"},
	{"what is wrong with certificates holds up the birth in its own words", "birth.go", "case trouble != \"\":\n\t\t\treturn wait(\"%s.\", trouble).person(), false\n\t\tdefault:", "default:"},
	{"the grace for machines", "birth.go", "len(absent) > 0 && in.Now.Before(at)", "false"},
	{"odd seeds", "birth.go", "len(seeds)%2 == 0", "false"},
	{"a majority of seeds", "birth.go", "total-len(gone) < need", "false"},
	{"a quorum of seeds answers", "birth.go", "n >= need && len(serving) == 1", "n > 0"},
	{"etcdops.CanAdd", "grow.go", "etcdops.CanAdd(in.Etcd); err != nil", "error(nil); err != nil"},
	{"an election is no news", "grow.go", "!in.Etcd.Listed && in.Now.Before(at)", "!in.Etcd.Listed && in.Now.Before(at) && false"},
	{"row: who failed comes last", "grow.go", "cmp.Compare(in.History.Attempts[JoinKey(a.Name)], in.History.Attempts[JoinKey(b.Name)])", "0"},
	{"row: the pause of who failed", "grow.go", "case !in.pausedJoin(u).IsZero():", "case false:"},
	{"row: a machine is looked at again after a failed start", "desired.go", " && !failed", " && (true || failed)"},
	{"row: a start that fails is given up", "members.go", "u.Last.Failures >= maxStartFailures", "false"},
	{"row: a start is not given up for others' faults", "members.go", "&& in.startFault(u) != \"\":", ":"},
	{"bags: who joins tells the shorter list first", "clients.go", "len(told) > 0 && !slices.Equal(", "false && !slices.Equal("},
	{"bags: who leaves is told of until another votes", "endpoints.go", "return leaving //", "return nil //"},
	{"bags: who is told of has not said farewell", "clients.go", "u.Dying && !slices.ContainsFunc(", "u.Dying && (true || name == \"\") || slices.ContainsFunc("},
	{"bags: trusted credentials only", "endpoints.go", " || in.estranged(u) {", " {"},
	{"joiners are prepared", "grow.go", "case !in.prepared(u):", "case false:"},
	{"etcdops.CanStop", "grow.go", "etcdops.CanStop(in.Etcd, m.ID); err != nil", "error(nil); err != nil"},
	{"stability before a restart", "grow.go", "if in.serving(m) {\n", "if false {\n"},
	{"the leader restarts last", "grow.go", "case in.Etcd.Leader() == m.ID:\n\t\treturn -1", "case false:\n\t\treturn -1"},
	{"etcdops.CanMove", "move.go", "etcdops.CanMove(in.Etcd, m.ID, in.peerURL(u)); err != nil", "etcdops.CanMove(in.Etcd, m.ID, in.peerURL(u)); err != nil && false"},
	{"one that has not moved holds the others together", "quorum.go", " || had[u.Facts.Addresses.Client]", ""},
	{"scattered members answer all", "quorum.go", "!h.Answered || h.MemberID.String() != u.Facts.Member.MemberID || had", "h.Serves || had"},
	{"all that have moved are told before one is restarted", "move.go", "if !in.atAnotherAddress(u) {", "if true {"},
	{"a certificate for the new address", "move.go", "if !certifies(u) {", "if false {"},
	{"the configuration before the others are told", "move.go", "if !in.applied(u) {", "if false {"},
	{"moved members before growth", "next.go", "{name: \"moved members\", next: moved},\n\t{name: \"growth\", next: grow},", "{name: \"growth\", next: grow},\n\t{name: \"moved members\", next: moved},"},
	{"new only before the latch", "desired.go", "in.Latch.ClusterID == \"\" && seed", "seed"},
	{"an upgrade is no update", "channel.go", "if in.Latch.ClusterID != \"\" {\n\t\tif u.Facts.Snap", "if false {\n\t\tif u.Facts.Snap"},
	{"a reset only of who is no member", "desired.go", "case !member && in.Latch.ClusterID != \"\" && in.Etcd.Listed &&", "case in.Latch.ClusterID != \"\" && in.Etcd.Listed &&"},
	{"an old word is put right", "grow.go", " || in.misshown(u)", ""},
	{"who has only begun to serve is let be", "shown.go", "!in.Now.Before(due) && (u.Last", "(u.Last"},
	{"an old word is put right once", "shown.go", "u.Last.At.Before(due)", "true"},
	{"the application's word is not repeated at once", "shown.go", "u.Last == nil || !in.Now.Before(u.Last.At.Add(shownAgain))", "true"},
	{"nothing is repeated to who cannot be reached", "shown.go", "&& !u.Lost && !u.Failed", ""},
	{"ports that were shown before a delivery ended", "move.go", "u.Last.At.Before(in.JujuAsked) || ", "true || "},
	{"a refusal stays told until Juju was asked", "move.go", "strings.Contains(in.ApplicationStatus.Message, text)", "strings.Contains(\"\", text)"},
	{"the peers' port stays while nobody can be told", "input.go", "!hasData(u) || in.Etcd.Listed && (", "!hasData(u) || true && ("},
	{"the peers' port changes on one disk at a time", "input.go", "in.peerPortTurn == u.Name", "true"},
	{"nobody's turn while one is half moved", "input.go", "halfMoved = true", "halfMoved = false"},
	{"who cannot be reached has no turn", "input.go", "case told, u.Lost, u.Failed:", "case told:"},
	{"who listens at the new port already is told of first", "input.go", "case !told && there:", "case false:"},
	{"where peers look is remembered", "input.go", "	case listed == 0:\n		listed = runsAtPeerPort(u)", "	case listed == 0:"},
	{"no restart before the peers' port", "move.go", " || in.awaitsPeerPort(u)", ""},
	{"who connects the others stays", "members.go", "if in.connects(m) {", "if false {"},
	{"auto is one channel for all", "channel.go", "slices.Contains(autoChannels, u.Facts.Snap.Channel)", "false"},
	{"auto is a channel that the store has", "channel.go", "return lacks(u, channel)", "return false"},
	{"a reason is told once it has stood", "tell.go", "&& !in.Now.Before(in.History.Held.Since.Add(tellAfter))", ""},
	{"a reason stands for itself", "tell.go", "in.History.Held.Reason == held.Reason && ", ""},
	{"who leads tells", "tell.go", "|| in.ledByOthers() ", ""},
	{"nothing is told of a latch that was not read", "tell.go", "!in.LatchRead || ", ""},
	{"who does not know words alone is not asked", "tell.go", "|| u.Facts.Protocol < v1alpha1.ProtocolWords", ""},
	{"words wait their time", "tell.go", "&& (u.Told == nil || !in.Now.Before(u.Told.NotBefore))", ""},
	{"words are told once", "tell.go", "if !news || in.toldAlready(u, d) {", "if !news {"},
	{"words are news", "tell.go", "if !news || in.toldAlready(u, d) {", "if !news && false || in.toldAlready(u, d) {"},
	{"a unit speaks for itself", "tell.go", "&& !in.speaksForItself(u) {", "{"},
	{"words come after the claim", "tell.go", "if len(due) == 0 || in.claimed() {", "if true {"},
	{"a claim touches no machine that nobody knows", "next.go", "if kind == StepClaim && in.uncertain(leader) {", "if false {"},
	{"an old agent is not asked for a claim in words", "next.go", "if !in.hears(leader) {", "if false {"},
	{"who has no certificate sees nothing", "gates.go", "|| in.doorless() }", "}"},
	{"who cannot look says nothing", "desired.go", "if in.doorless() {", "if false {"},
	{"a certificate is asked for though nothing is seen", "gates.go", "step, due := in.handRequests(); due {\n\t\t\treturn step, true", "step, due := in.handRequests(); due && false {\n\t\t\treturn step, true"},
	{"figures are no news", "words.go", "h.Fault == etcdops.FaultLagging || h.Fault == etcdops.FaultUnreachable", "false"},
}

// TestEveryGuardMutationIsCaught takes one guard out of the source at a time, by an overlay of the build, and expects this
// package's other tests to fail: a guard that no test needs is either no guard or not tested.
func TestEveryGuardMutationIsCaught(t *testing.T) {
	if os.Getenv("PLANNER_MUTANT") != "" {
		return // this is the mutant's own run
	}
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.guard, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(folder, m.file)
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(source), m.old); n != 1 {
				t.Fatalf("%s holds the guard %d times: %s", m.file, n, m.old)
			}
			temp := t.TempDir()
			mutant := filepath.Join(temp, m.file)
			write(t, mutant, []byte(strings.Replace(string(source), m.old, m.new, 1)))
			overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: mutant}})
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(temp, "overlay.json"), overlay)
			cmd := exec.Command("go", "test", "-overlay", filepath.Join(temp, "overlay.json"), "-vet=off", "-count=1", "-failfast",
				"-timeout=60s", ".", "-worlds=40")
			cmd.Dir = folder
			cmd.Env = append(os.Environ(), "PLANNER_MUTANT=1")
			out, err := cmd.CombinedOutput()
			switch {
			case err == nil:
				t.Errorf("nobody misses the guard %q (%s: %s)", m.guard, m.file, m.old)
			case !strings.Contains(string(out), "--- FAIL"):
				t.Errorf("the mutant could not be tested: %s", out)
			}
		})
	}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
