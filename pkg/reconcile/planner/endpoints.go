package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/reconcile/observation"
)

// silencePatience is how long a member may fail to serve before clients are given the others alone.
// Until then a client tries the next member by itself: a crash, a restart or a reboot is no news,
// which would cost an action on every unit and run hooks on every client, which may restart its own
// services. A member that stays away costs every client's connections a timeout again and again,
// and is worth it.
const silencePatience = time.Minute

// clientMember is a member as clients may be given it.
type clientMember struct {
	name string
	urls []string // client URLs that it advertises
	peer []string
	// relations are other addresses that clients of a relation reach it at, and that its server
	// certificate is good for.
	relations map[string]string
}

// urlsFor is where clients of a relation find the member.
func (c clientMember) urlsFor(relation string) []string {
	address, other := c.relations[relation]
	if !other || len(c.urls) == 0 {
		return c.urls
	}
	return []string{httpsURL(address, PortOf(c.urls[0]))}
}

// reachable are the addresses for clients of single relations that the unit's server certificate is
// good for: until it is, they are published of the ones that it was made for.
func reachable(u observation.Unit) map[string]string {
	found := map[string]string{}
	if u.Facts == nil {
		return found // they cannot be read now
	}
	for id, address := range u.Facts.Addresses.Relations {
		if leaf := u.Facts.Certificates.Server; leaf != nil && slices.Contains(leaf.SANs, address) {
			found[id] = address
		}
	}
	return found
}

// clients is what the unit publishes to its clients. All units publish the same, since a client may
// read the databag of any one of them and of no other: also who has yet to join, or joins anew, as
// soon as the members trust what it hands out. It publishes itself when it votes.
func (in *audience) clients(u observation.Unit) v1alpha1.ClientsSpec {
	var s v1alpha1.ClientsSpec
	if in.Latch.ClusterID == "" || in.untrusted(u) || in.tooEarly(u) {
		return s
	}
	members := in.clientMembers()
	for _, m := range members {
		s.Endpoints = append(s.Endpoints, m.urls...)
		for _, peer := range m.peer {
			s.Cluster = append(s.Cluster, v1alpha1.NamedMember{Name: m.name, PeerURL: peer})
		}
	}
	slices.Sort(s.Endpoints)
	s.Relations = forRelations(members)
	slices.SortFunc(s.Cluster, func(a, b v1alpha1.NamedMember) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.PeerURL, b.PeerURL))
	})
	s.Version = in.versionFor(u)
	return s
}

// versionFor is the version of etcd that is published to the unit's clients: its own member's, or,
// before that votes, that of the first that does. Its own snap may not be there yet, and what it is
// handed would change with it.
func (in *audience) versionFor(u observation.Unit) string {
	votes := func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		return u.Facts != nil && u.Facts.Snap != nil && (member && !m.Learner && m.Started() || !in.Etcd.Listed && hasData(u))
	}
	if votes(u) {
		return u.Facts.Snap.Version
	}
	for _, v := range in.alive() {
		if votes(v) {
			return v.Facts.Snap.Version
		}
	}
	return ""
}

// forRelations are the endpoints for clients of relations for which a member has an address of its
// own.
func forRelations(members []clientMember) map[string][]string {
	var lists map[string][]string
	for _, with := range members {
		for id := range with.relations {
			if _, done := lists[id]; done {
				continue
			}
			var list []string
			for _, m := range members {
				list = append(list, m.urlsFor(id)...)
			}
			slices.Sort(list)
			if lists == nil {
				lists = map[string][]string{}
			}
			lists[id] = list
		}
	}
	return lists
}

// clientMembers are the members that are published to clients: voters of units that stay, as long
// as there is one. One comes onto the list when it serves. It goes off it when its unit goes or its
// data is lost, and when it has not served for silencePatience while a quorum of the others does.
// While there is no quorum the list stays as it is: it never gets empty because of trouble.
func (in *audience) clientMembers() []clientMember {
	if in.list == nil {
		members := in.makeClientMembers()
		in.list = &members
	}
	return *in.list
}

func (in *audience) makeClientMembers() []clientMember {
	if !in.Etcd.Listed {
		return in.publishedMembers()
	}
	var listed, voters, leaving []clientMember
	for _, u := range in.Units {
		m, member := in.member[u.Name]
		if !member || m.Learner || !m.Started() || len(m.ClientURLs) == 0 || u.Facts == nil {
			continue
		}
		c := clientMember{name: m.Name, urls: m.ClientURLs, peer: m.PeerURLs, relations: reachable(u)}
		if u.Dying {
			leaving = append(leaving, c)
			continue
		}
		voters = append(voters, c)
		if until, on := in.onList(u, m); on && (until.IsZero() || in.Now.Before(until)) {
			listed = append(listed, c)
		}
	}
	switch {
	case len(listed) > 0:
		return listed
	case len(voters) > 0:
		return voters
	}
	return leaving // until one that stays votes: nobody else has the data
}

// onList says that a voter is on the clients' list, and until when, if it does not serve; zero
// means for as long as nothing happens.
func (in *audience) onList(u observation.Unit, m etcdops.Member) (until time.Time, on bool) {
	switch {
	case in.serving(m):
		return time.Time{}, true
	case in.wipedOut(u, m), !in.published(m.ClientURLs):
		return time.Time{}, false
	case in.servingVoters() < etcdops.Quorum(len(in.Etcd.Voters())):
		return time.Time{}, true
	}
	since := in.unhealthySince(m)
	if since.IsZero() {
		return time.Time{}, true
	}
	return since.Add(silencePatience), true
}

// published says that a unit publishes one of the URLs to its clients. What is published is the
// memory of who was on the list: this process may have just begun.
func (in *audience) published(urls []string) bool {
	return slices.ContainsFunc(in.alive(), func(u observation.Unit) bool {
		return slices.ContainsFunc(in.publishes(u), func(url string) bool { return slices.Contains(urls, url) })
	})
}

// publishes is what the unit publishes to its clients: as its last delivery ended, until its facts
// can be expected to show it.
func (in *audience) publishes(u observation.Unit) []string {
	switch {
	case u.Last != nil && len(u.Last.Published) > 0 && in.Now.Before(u.Last.At.Add(appliedGrace)):
		return u.Last.Published
	case u.Facts != nil && u.Facts.Applied != nil:
		return u.Facts.Applied.Clients
	}
	return nil
}

// publishedMembers are the members while nobody lists them: units with data that are on the list;
// all with data if nothing is published.
func (in *audience) publishedMembers() []clientMember {
	var listed, all []clientMember
	for _, u := range in.alive() {
		if !hasData(u) || u.Facts.Addresses.Client == "" {
			continue
		}
		c := clientMember{
			name: etcdops.MemberName(u.Name), urls: []string{in.servesAt(u)}, peer: []string{in.peerURL(u)}, relations: reachable(u),
		}
		all = append(all, c)
		if in.published(c.urls) {
			listed = append(listed, c)
		}
	}
	if len(listed) == 0 {
		return all
	}
	return listed
}
