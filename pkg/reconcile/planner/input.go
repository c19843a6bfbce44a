package planner

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// input is an observation with what is computed from it once. Checks read it and never write.
type input struct {
	observation.Observation
	// opts are the options that this cluster is to run with; faults tell where they differ from what the user asked for.
	opts   v1alpha1.ClusterOptions
	faults []string
	// unsure says that an option is faulty and its last good value is not known.
	unsure bool
	// member is each unit's member; owner is the index in Units of each member's unit.
	member map[string]etcdops.Member
	owner  map[etcdops.MemberID]int
	// ended is the latch as it is, while units begin anew in place of a cluster that was given up: Latch is then that of one which has
	// yet to be born.
	ended *v1alpha1.Latch
	// peerPortTurn is the unit whose member is given the new port for its peers; empty if none is.
	peerPortTurn string
	// journal are the procedures under way.
	journal []underway
}

func newInput(o observation.Observation) *input {
	in := &input{Observation: o, member: map[string]etcdops.Member{}, owner: map[etcdops.MemberID]int{}}
	in.journal, _ = readJournal(o.Latch)
	in.forget()
	in.match()
	in.choose()
	in.peerPortTurn = in.nextPeerPort()
	return in
}

// match pairs members with units: by the ID in the unit's data directory first, then a started member by its name (Juju
// never uses a unit number twice) and an unstarted one by the address of its peer URL, whatever its port. Of two units at one address it
// is the one whose machine it is.
func (in *input) match() {
	pair := func(m etcdops.Member, i int) {
		if _, taken := in.member[in.Units[i].Name]; i >= 0 && !taken {
			in.member[in.Units[i].Name] = m
			in.owner[m.ID] = i
		}
	}
	for i, u := range in.Units {
		if u.Facts == nil || !u.Facts.Member.Present {
			continue
		}
		id, err := etcdops.ParseMemberID(u.Facts.Member.MemberID)
		if m, ok := in.Etcd.Member(id); err == nil && id != 0 && ok {
			pair(m, i)
		}
	}
	for _, m := range in.Etcd.Members {
		if _, ok := in.owner[m.ID]; ok {
			continue
		}
		i := slices.IndexFunc(in.Units, func(u observation.Unit) bool {
			if m.Started() {
				return m.Name == etcdops.MemberName(u.Name)
			}
			return u.Facts != nil && !taken(u) && u.Facts.Addresses.Peer != "" && slices.ContainsFunc(m.PeerURLs, func(url string) bool {
				return url == httpsURL(u.Facts.Addresses.Peer, PortOf(url))
			})
		})
		if i >= 0 {
			pair(m, i)
		}
	}
}

// unitOf is the unit of a member.
func (in *input) unitOf(m etcdops.Member) (observation.Unit, bool) {
	i, ok := in.owner[m.ID]
	if !ok {
		return observation.Unit{}, false
	}
	return in.Units[i], true
}

// alive are the units that Juju is not removing.
func (in *input) alive() []observation.Unit {
	return slices.DeleteFunc(slices.Clone(in.Units), func(u observation.Unit) bool { return u.Dying })
}

// leader is the unit whose agent can write the application databag.
func (in *input) leader() (observation.Unit, bool) {
	i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Leader })
	if i < 0 {
		return observation.Unit{}, false
	}
	return in.Units[i], true
}

// hasData says that the unit's data directory holds a member.
func hasData(u observation.Unit) bool { return u.Facts != nil && u.Facts.Member.Present }

// begun says that a member was started on the unit once, whatever became of it.
func begun(u observation.Unit) bool {
	return u.Facts != nil && (u.Facts.Member.Started || u.Facts.Member.StartedNew)
}

// begun says that a member was started on the unit once that the latched cluster may know. One of a cluster that was given up is none,
// once its data is gone: the unit's agent tells that cluster from the one that follows by its token. The mark alone gives up no unit that
// is here.
func (in *input) begun(u observation.Unit) bool {
	if !begun(u) || hasData(u) || u.Facts.Member.Token == "" {
		return begun(u)
	}
	if in.ended != nil {
		_, _, asked := in.asked()
		return !asked
	}
	return in.Latch.Seeds == nil || in.Latch.Seeds.Token == u.Facts.Member.Token
}

// dataLost says that a member was started on the unit and its data is gone.
func (in *input) dataLost(u observation.Unit) bool { return in.begun(u) && !hasData(u) }

// ready says that the unit has addresses and certificates.
func ready(u observation.Unit) bool { return u.Facts != nil && len(missing(u)) == 0 }

// missing names what a unit with facts still lacks before etcd can be set up on it.
func missing(u observation.Unit) []string {
	var names []string
	if u.Facts.Addresses.Peer == "" || u.Facts.Addresses.Client == "" {
		names = append(names, "address")
	}
	if u.Facts.Certificates.Server == nil {
		names = append(names, "server certificate")
	}
	return names
}

// blocked tells why a unit cannot take a delivery now; empty means that it can. until is when that may be over by itself.
func (in *input) blocked(u observation.Unit) (why string, until time.Time) {
	if why := in.unreachable(u); why != "" {
		return why, time.Time{}
	}
	if in.Now.Before(in.again(u)) {
		return fmt.Sprintf("the last delivery to %s was %s", u.Name, ending(*u.Last)), u.Last.NotBefore
	}
	return "", time.Time{}
}

// unreachable is why nothing at all can be delivered to the unit now, words included; empty if something can.
func (in *input) unreachable(u observation.Unit) string {
	// What disturbs goes before, however long it takes: a delivery would wait behind it, and be about what was there before.
	task := cmp.Or(u.Task, u.Disturbing())
	switch {
	case u.Dead:
		return u.Name + " has run its last hook"
	case !u.Provisioned:
		return u.Name + " is not provisioned yet"
	case u.Lost:
		return "Juju has lost contact with " + u.Name
	case u.Failed:
		return "a hook of " + u.Name + " has failed"
	case u.Facts == nil:
		return u.Name + " has not published facts yet"
	case task != nil && task.Running:
		return fmt.Sprintf("%s runs on %s", task, u.Name)
	case task != nil:
		return fmt.Sprintf("%s is pending on %s", task, u.Name)
	}
	return ""
}

// again is when the unit may be delivered to after how its last delivery has ended. What was in progress then, and has had its member
// begin to serve since, is asked after at once: the growing pauses are for as long as nothing is to be seen from here.
func (in *input) again(u observation.Unit) time.Time {
	if u.Last == nil {
		return time.Time{}
	}
	if u.Last.Outcome == v1alpha1.OutcomeInProgress && u.Facts != nil && in.History.ServesSince[in.servesAt(u)].After(u.Last.At) {
		return time.Time{}
	}
	return u.Last.NotBefore
}

// ending tells how a delivery ended, as part of a sentence.
func ending(r observation.Result) string {
	var text string
	switch r.Outcome {
	case v1alpha1.OutcomeApplied:
		return "applied"
	case v1alpha1.OutcomeInProgress:
		text = "begun and is in progress"
	case v1alpha1.OutcomeRefused:
		text = "refused"
	default:
		text = "not carried out"
	}
	switch {
	case r.Message != "":
		return text + ": " + strings.TrimRight(r.Message, ".")
	case r.Reason != "":
		return text + ": " + r.Reason
	}
	return text
}

// ClientURL is where a unit's member serves with these options; the unit must have published its addresses.
func ClientURL(u v1alpha1.UnitAddresses, o v1alpha1.ClusterOptions) string {
	return httpsURL(u.Client, o.Port)
}

func httpsURL(host string, port int32) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// clientURL is where the unit's member is to serve.
func (in *input) clientURL(u observation.Unit) string { return ClientURL(u.Facts.Addresses, in.opts) }

// servesAt is where the unit's member is to be found now: at its address, with the port that it tells, or, while nobody lists it,
// that its process has read. That is another than clientURL from a change of the option port until the member's restart.
func (in *input) servesAt(u observation.Unit) string {
	if u.Facts == nil { // they cannot be read now: its member tells
		if m := in.member[u.Name]; len(m.ClientURLs) > 0 {
			return m.ClientURLs[0]
		}
		return ""
	}
	port := in.opts.Port
	if r := u.Facts.Running; r != nil && hasData(u) {
		port = cmp.Or(PortOf(r.ClientURL), port)
	}
	if m, ok := in.member[u.Name]; ok && len(m.ClientURLs) > 0 {
		port = cmp.Or(PortOf(m.ClientURLs[0]), port)
	}
	return httpsURL(u.Facts.Addresses.Client, port)
}

// peerURL is where the unit's peers are to find its member. One that is joining stays where it was added: etcd moves voters only.
func (in *input) peerURL(u observation.Unit) string {
	return httpsURL(u.Facts.Addresses.Peer, in.peerPort(u))
}

// peerPort is the port of peerURL. It changes on one member's disk at a time: whoever crashes or loses its power begins with what is
// there, and members that begin where they are not looked for find each other no more. So a member has the port where its peers look
// for it, as far as anybody remembers, until it is its turn; without a quorum it is nobody's, because peers cannot be told.
func (in *input) peerPort(u observation.Unit) int32 {
	m := in.member[u.Name]
	listed := int32(0)
	if len(m.PeerURLs) > 0 {
		listed = PortOf(m.PeerURLs[0])
	}
	switch {
	case listed != 0 && (m.Learner || !m.Started()):
		return listed
	case in.Latch.ClusterID == "" || !hasData(u) || in.Etcd.Listed && (listed == 0 || in.peerPortTurn == u.Name):
		return in.opts.ManagementPort
	case listed == 0:
		listed = runsAtPeerPort(u)
	}
	return cmp.Or(listed, in.opts.ManagementPort)
}

// runsAtPeerPort is the port for peers that the unit's process has read; zero if that is not known.
func runsAtPeerPort(u observation.Unit) int32 {
	if u.Facts == nil || u.Facts.Running == nil {
		return 0
	}
	return PortOf(u.Facts.Running.PeerURL)
}

// nextPeerPort is the unit whose turn it is to have another port for its peers. One that runs there already is told of first. While one
// that the others have been told of does not run there yet it is nobody's; then it is the first that can be reached, etcd's leader last.
func (in *input) nextPeerPort() string {
	var next, leader string
	halfMoved := false
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		if !member || m.Learner || !m.Started() || len(m.PeerURLs) == 0 || !hasData(u) {
			continue
		}
		told, there := PortOf(m.PeerURLs[0]) == in.opts.ManagementPort, runsAtPeerPort(u) == in.opts.ManagementPort
		switch {
		case !told && there:
			return u.Name
		case told && u.Facts.RestartPending && !there:
			halfMoved = true
		case told, u.Lost, u.Failed:
		case m.ID == in.Etcd.Leader():
			leader = u.Name
		default:
			next = cmp.Or(next, u.Name)
		}
	}
	if halfMoved {
		return ""
	}
	return cmp.Or(next, leader)
}

// silentSince is since when the unit's member has answered nowhere; zero while it does, or while that is not known.
func (in *input) silentSince(u observation.Unit) time.Time {
	return in.History.UnhealthySince[in.servesAt(u)]
}

// PortOf is the port of a URL that ends with one; zero if it has none.
func PortOf(url string) int32 {
	i := strings.LastIndexByte(url, ':')
	port, err := strconv.ParseInt(url[i+1:], 10, 32)
	if i < 0 || err != nil {
		return 0
	}
	return int32(port)
}
