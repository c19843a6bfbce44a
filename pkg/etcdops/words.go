package etcdops

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/printable"
)

// Workload states of Juju.
const (
	Active      = "active"
	Waiting     = "waiting"
	Maintenance = "maintenance"
	Blocked     = "blocked"
)

// Words are a Juju status. All statuses that this product shows are made in this file, because
// people and their scripts read them: the charm's texts first, then the reason.
type Words struct {
	State   string `json:"state"`
	Message string `json:"message,omitempty"`
}

// Phase is what is being done with a unit, as far as whoever asks for words knows.
type Phase string

// Phases of a unit.
const (
	// PhaseServing: nothing; the unit should serve.
	PhaseServing    Phase = ""
	PhasePreparing  Phase = "preparing"  // snap, certificates and files, before the first start
	PhaseStarting   Phase = "starting"   // started as a seed; the cluster does not answer yet
	PhaseJoining    Phase = "joining"    // added, until it votes
	PhaseRestarting Phase = "restarting" // stopped and started again on purpose
	PhaseUpgrading  Phase = "upgrading"  // restarted with another snap revision
	PhaseLeaving    Phase = "leaving"    // until it is no member any more
)

// Ref names the member of a unit: by ID, else by client URL, else by name. Empty fields are not
// compared.
type Ref struct {
	ID        MemberID
	ClientURL string
	Name      string
}

// Find returns the member that the reference names.
func (v View) Find(r Ref) (Member, bool) {
	if r.ID != 0 {
		return v.Member(r.ID)
	}
	if r.ClientURL != "" {
		if m, ok := v.MemberByClientURL(r.ClientURL); ok {
			return m, true
		}
	}
	return v.MemberByName(r.Name)
}

// Counted is the view as statuses are made from it: members that do not vote yet are left out, but
// for the one that is looked at. Who joins is shown by the joining unit, and is no news on the
// others.
func (v View) Counted(own Ref) View {
	self, found := v.Find(own)
	v.Members = v.filter(func(m Member) bool { return !m.Learner || found && m.ID == self.ID })
	return v
}

// healthPrefixes begin the messages of UnitWords: what a unit's own look at its etcd may put right.
var healthPrefixes = append([]string{"Healthy with "}, troublePrefixes...)

// troublePrefixes are those of a unit whose member does not serve, or not yet.
var troublePrefixes = []string{
	"UnHealthy with ", "Errored with ",
	string(PhaseStarting), string(PhaseJoining), string(PhaseRestarting), string(PhaseUpgrading),
}

// IsAboutTrouble says that the status of a unit is about its member, and that this does not serve,
// or not yet.
func IsAboutTrouble(w Words) bool { return w.beginsWith(troublePrefixes) }

func (w Words) beginsWith(prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(w.Message, prefix) })
}

// UnitWords are the status of one unit. The number of peers counts all members, the unit itself
// included, as the charm's always did.
func UnitWords(v View, ref Ref, phase Phase) Words {
	m, found := v.Find(ref)
	health := v.HealthOf(m)
	if !found {
		health = v.Health[ref.ClientURL]
	}
	switch phase {
	case PhasePreparing:
		return Words{Maintenance, "preparing: snap, certificates and files"}
	case PhaseLeaving:
		if found {
			return Words{Maintenance, "leaving: still a member"}
		}
		return Words{Maintenance, "leaving: no member any more"}
	case PhaseStarting:
		if !v.Listed {
			return Words{Maintenance, "starting: waiting for a quorum"}
		}
	case PhaseJoining:
		if !found || m.Learner || !health.Healthy() {
			return joiningWords(v, m, found)
		}
	case PhaseRestarting, PhaseUpgrading:
		if !health.Healthy() {
			return Words{Maintenance, string(phase) + ": waiting for etcd to serve"}
		}
	}
	switch {
	case !v.Listed:
		return Words{Blocked, known("Errored", 0) + ": " + v.whyUnlisted(health)}
	case !found && phase == PhaseStarting:
		return Words{Maintenance, "starting: not a member yet"}
	case !found:
		return Words{Blocked, known("UnHealthy", len(v.Members)) + ": not a member"}
	case m.Learner && health.Healthy():
		return joiningWords(v, m, found)
	case !health.Healthy():
		return Words{Blocked, known("UnHealthy", len(v.Members)) + ": " + health.Reason()}
	}
	return Words{Active, known("Healthy", len(v.Members))}
}

func known(word string, n int) string {
	if n == 1 {
		return word + " with 1 known peer"
	}
	return fmt.Sprintf("%s with %d known peers", word, n)
}

func joiningWords(v View, m Member, found bool) Words {
	lag, lagKnown := Lag(v, m.ID)
	switch {
	case !found:
		return Words{Maintenance, "joining: not a member yet"}
	case !m.Started():
		return Words{Maintenance, "joining: added, waiting for etcd to start"}
	case !m.Learner:
		return Words{Maintenance, "joining: voter, waiting for etcd to serve"}
	case !v.HealthOf(m).Healthy():
		return Words{Maintenance, "joining: learner, " + v.HealthOf(m).Reason()}
	case !lagKnown:
		return Words{Maintenance, "joining: learner"}
	case lag == 0:
		return Words{Maintenance, "joining: learner, caught up"}
	case lag == 1:
		return Words{Maintenance, "joining: learner, 1 entry behind"}
	}
	return Words{Maintenance, fmt.Sprintf("joining: learner, %d entries behind", lag)}
}

// whyUnlisted is the reason for a missing member list: the unit's own fault if it has one, because
// that is what can be repaired there.
func (v View) whyUnlisted(own EndpointHealth) string {
	switch {
	case own.Fault != FaultNone && !own.Healthy():
		return own.Reason()
	case v.Answered() > 0 || v.Err == "":
		return string(FaultNoLeader)
	}
	return v.Err
}

// ApplicationWords are the status of the application. units are those that should be members, by
// Juju's names; step is what is being done to the cluster, empty if nothing is.
func ApplicationWords(v View, units []string, step string) Words {
	voters, healthy := len(v.Voters()), len(v.HealthyVoters())
	if !v.Listed {
		total := voters
		if total == 0 {
			total = len(units)
		}
		n := min(v.Answered(), total)
		if n == 1 {
			return Words{Blocked, fmt.Sprintf("no quorum: 1 of %d answers", total)}
		}
		return Words{Blocked, fmt.Sprintf("no quorum: %d of %d answer", n, total)}
	}
	tolerance := max(0, Tolerance(v))
	var message string
	if healthy < voters {
		message = fmt.Sprintf("%d of %d healthy, can lose %d", healthy, voters, tolerance)
	} else {
		message = fmt.Sprintf("%s, can lose %d", count(voters, "member"), tolerance)
	}
	if reasons := v.reasons(units, step); len(reasons) > 0 {
		message += ": " + strings.Join(reasons, "; ")
	}
	return Words{Active, message}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// reasons are what keeps the application from being simply healthy: faults of voters, units that
// are no members, members without a unit, and the step under way.
func (v View) reasons(units []string, step string) []string {
	var reasons []string
	unitOf := map[string]string{}
	for _, u := range units {
		unitOf[MemberName(u)] = u
	}
	name := func(m Member) string {
		if u, ok := unitOf[m.Name]; ok {
			return u
		}
		return "member " + m.label()
	}
	for _, m := range v.Voters() {
		h := v.HealthOf(m)
		switch {
		case h.Healthy():
		case h.Fault == FaultRefused, h.Fault == FaultUnreachable, h.Fault == FaultLagging:
			reasons = append(reasons, name(m)+" is "+h.Reason())
		default:
			reasons = append(reasons, name(m)+": "+h.Reason())
		}
	}
	if step != "" {
		return append(reasons, step)
	}
	for _, u := range units {
		m, found := v.MemberByName(MemberName(u))
		switch {
		case !found && len(v.Unstarted()) == 0:
			reasons = append(reasons, u+" is not a member")
		case found && m.Learner:
			reasons = append(reasons, u+" is a learner")
		}
	}
	for _, m := range v.Unstarted() {
		if m.Learner {
			reasons = append(reasons, "member "+m.label()+" has not started")
		}
	}
	if len(units) > 0 {
		for _, m := range v.Members {
			if _, ok := unitOf[m.Name]; !ok && m.Started() {
				reasons = append(reasons, "member "+m.label()+" has no unit")
			}
		}
	}
	return reasons
}

// MissingAuthorityWords are for a unit or an application without a certificates relation.
func MissingAuthorityWords() Words {
	return Words{Blocked, "Missing relation to certificate authority."}
}

// EndingWords are for an application of which Juju keeps no unit, while the last ones leave and
// after that: nobody is left then to write others.
func EndingWords() Words {
	return Words{Waiting, "No unit stays: the cluster ends with the last one."}
}

// WaitingForControllerWords are for a unit, or an application, that lacks nothing but the
// controller.
func WaitingForControllerWords(model string) Words {
	if model == "" {
		model = "<model>"
	}
	return Words{Waiting, "Waiting for the jujuetcd controller (jujuetcd run --model " + model + ")"}
}

// WaitingForHolderWords are for a unit that lacks nothing but the controller, of a cluster that one
// leads: only that one delivers.
func WaitingForHolderWords(holder string) Words {
	return Words{Waiting, OneLine("Waiting for the jujuetcd controller "+holder+", which leads this cluster; another one replaces it with "+
		"jujuetcd run --take-over", wordsLimit)}
}

// UnreadableLatchWords are for a unit that cannot read what the cluster remembers of itself, which
// no controller acts without.
func UnreadableLatchWords(err error) Words {
	return Words{Blocked, OneLine("The cluster's latch is damaged, and nothing is done without it: "+err.Error(), wordsLimit)}
}

// wordsLimit bounds words that are made from somebody else's text, in bytes.
const wordsLimit = 300

// WaitingForCertificateWords are for a unit whose certificate authority has not given all that was
// asked for. missing is what is not there: "CA", "server certificate", "client certificate".
func WaitingForCertificateWords(missing ...string) Words {
	return Words{Waiting, "Waiting for the certificate authority: no " + strings.Join(missing, ", no ") + " yet"}
}

// InstallingWords are for a unit whose snap is being installed.
func InstallingWords() Words { return Words{Maintenance, "Installing etcd."} }

// severity orders states, best first. What a person must put right is the worst.
var severity = []string{Active, Waiting, Maintenance, Blocked}

// Worse returns the worse of two; of two that are equally bad the first one.
func Worse(a, b Words) Words {
	if slices.Index(severity, b.State) > slices.Index(severity, a.State) {
		return b
	}
	return a
}

// Shown is what a unit shows between two reconciles: last is the controller's last word, local is
// UnitWords of what the unit sees now. A last word that was about etcd's health gives way, so that
// the status heals, and falls ill, while the controller is away; any other last word, such as a
// missing relation, stays unless local is worse.
func Shown(last, local Words) Words {
	if last.beginsWith(healthPrefixes) {
		return local
	}
	return Worse(last, local)
}

// authorityPrefixes begin what a unit shows by itself of its certificate authority.
var authorityPrefixes = []string{"Missing relation to certificate authority", "Waiting for the certificate authority"}

// IsAboutAuthority says that the status of a unit is about what it lacks of its certificate
// authority.
func IsAboutAuthority(w Words) bool { return w.beginsWith(authorityPrefixes) }

// HeldWords are for a unit that is handed nothing for now, or an application that nothing is done
// with, and say why: a sentence of the planner's. What a person must put right blocks.
func HeldWords(reason string, person bool, limit int) Words {
	w := Words{Waiting, OneLine(reason, limit)}
	if person {
		w.State = Blocked
	}
	return w
}

// OneLine is the text in one line of at most so many bytes, fit to be shown.
func OneLine(text string, limit int) string {
	return printable.Line(text, limit)
}
