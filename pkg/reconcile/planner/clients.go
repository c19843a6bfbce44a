package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
)

// hookPatience is how long clients' hooks are waited for at most, from when their databags have the
// news: the list without a member that leaves, or where a member serves that has moved. Design §7.
const hookPatience = 30 * time.Second

// News is what clients have to take in before members may go or serve elsewhere: the names of units
// that leave and are published no more, and the URLs where the members serve that are published to
// clients. Each is one key of History.Notices.
func (in *Situation) News() []string {
	if len(in.Clients) == 0 {
		return nil
	}
	var news []string
	members := in.clientMembers()
	for _, u := range in.Units {
		name := etcdops.MemberName(u.Name)
		if u.Dying && !slices.ContainsFunc(members, func(m clientMember) bool { return m.name == name }) {
			news = append(news, u.Name)
		}
	}
	for _, m := range members {
		news = append(news, m.urls...)
	}
	for _, r := range in.underway {
		news = append(news, r.news())
	}
	if in.furtherComes() || len(in.leavesHeld()) > 0 {
		news = append(news, in.furtherNews())
	}
	return news
}

// outdated are the units with a member that have not applied what they should be, and those without
// one that publish another list to clients.
func (in *desired) outdated() []observation.Unit { return filter(in.alive(), in.isOutdated) }

func (in *desired) isOutdated(u observation.Unit) bool {
	m, member := in.member[u.Name]
	settled := member && !m.Learner && m.Started() || !in.Etcd.Listed && hasData(u)
	switch {
	case u.Facts == nil || taken(u):
		return false
	case settled:
		return !in.applied(u)
	}
	// One that joins is brought up to date as it is prepared and started. Its list counts in
	// between, too, and whom it tells clients to trust: they may read no other.
	published := in.publishes(u)
	return len(published) > 0 && (!slices.Equal(published, in.clients(u).Endpoints) || in.trustsOthers(u) && !in.applied(u))
}

// trustsOthers says that the unit has another bundle than it should have. One that has none yet tells
// clients of that which it was handed.
func (in *desired) trustsOthers(u observation.Unit) bool {
	has, bundle := u.Facts.Certificates.CA, pki.Fingerprints(in.specOf(u).TLS.CABundle)
	return len(has) > 0 && len(bundle) > 0 && !sameAuthorities(has, bundle)
}

// ClientsInformed says that every unit that stays has published to its clients what it should, or
// cannot be expected to do so soon.
func (in *Situation) ClientsInformed() bool {
	return !slices.ContainsFunc(in.outdated(), in.willApply)
}

// Unpublished are the units that have not published to their clients what they should: where the cluster
// is, whom to trust, or by whom they are let in. What else they have not applied does not count.
func (in *Situation) Unpublished() []string {
	var late []string
	for _, u := range in.outdated() {
		a, list := u.Facts.Applied, in.clients(u).Endpoints
		if a == nil || !slices.Equal(in.publishes(u), list) || in.trustsOthers(u) || !slices.Equal(a.Leaves, in.specOf(u).TLS.Leaves) {
			late = append(late, u.Name)
		}
	}
	return late
}

// willApply says that the unit can be reached, and that what it was handed last has not just
// failed.
func (in *desired) willApply(u observation.Unit) bool {
	switch {
	case !u.Provisioned || u.Lost || u.Failed:
		return false
	case u.Task != nil:
		return in.Now.Before(u.Task.LastStart())
	}
	return !in.Now.Before(in.again(u))
}

// publishing waits for a unit that is about to tell its clients, who may read no other databag, where the
// cluster is now.
func (in *desired) publishing() (Step, bool) {
	if len(in.Clients) == 0 {
		return Step{}, false
	}
	for _, u := range in.outdated() {
		if u.Task != nil && in.willApply(u) && !slices.Equal(in.publishes(u), in.clients(u).Endpoints) {
			return wait("%s is about to tell its clients where the cluster is: %s is not final.", u.Name, u.Task).until(u.Task.LastStart()), true
		}
	}
	return Step{}, false
}

// strands says that a unit that leaves tells clients of nobody who stays, and goes on telling them, since its
// hooks do not run: the first that a dying unit does is to leave its relations.
func (in *audience) strands(u observation.Unit) bool {
	if len(in.Clients) == 0 || !u.Failed && !u.Lost || len(in.publishes(u)) == 0 {
		return false
	}
	for _, m := range in.clientMembers() {
		if slices.ContainsFunc(m.urls, func(url string) bool { return slices.Contains(in.publishes(u), url) }) {
			return false
		}
	}
	return true
}

// clientNotice waits until clients have heard that a member leaves that serves them, and of one that
// stays: that may have been published later.
func (in *audience) clientNotice(u observation.Unit, m etcdops.Member) (Step, bool) {
	if !in.serving(m) {
		return Step{}, false
	}
	if step, due := in.awaitClients(u.Name, fmt.Sprintf("that %s leaves", u.Name)); due || u.Facts == nil {
		return step, due
	}
	return in.alternatives(u)
}

// alternatives waits, before the unit's member is restarted or removed, until clients have heard where else they
// are served. One other member is enough where it comes back in the same place. Where it is about to
// serve elsewhere they hear of all others: with each one that moves a list that is not read yet is
// worth less, and with the last one nothing.
func (in *audience) alternatives(u observation.Unit) (step Step, due bool) {
	moves := in.servesElsewhere(u)
	for _, m := range in.clientMembers() {
		if m.name == in.member[u.Name].Name {
			continue
		}
		for _, url := range m.urls {
			later, waits := in.awaitClients(url, fmt.Sprintf("that %s serves at %s", m.name, url))
			switch {
			case waits && !due:
				step, due = later, true
			case !waits && !moves:
				return Step{}, false
			}
		}
	}
	return step, due
}

// awaitClients waits until clients have heard a piece of news: first for their databags, then for
// their hooks, those for a bounded time.
func (in *audience) awaitClients(news, what string) (Step, bool) {
	if len(in.Clients) == 0 {
		return Step{}, false
	}
	notice, ok := in.History.Notices[news]
	if !ok {
		return wait("Clients are told %s.", what), true
	}
	end := notice.At.Add(hookPatience)
	late := in.uninformed(notice)
	if len(late) == 0 || !in.Now.Before(end) {
		return Step{}, false
	}
	return wait("Clients have been told %s, and have until %s to take it in: %s.", what,
		end.UTC().Format(time.TimeOnly), strings.Join(late, ", ")).until(end), true
}

// uninformed are the clients that have not been seen to run their hooks since the notice.
func (in *audience) uninformed(notice observation.Notice) []string {
	var names []string
	for _, c := range in.Clients {
		switch {
		case c.Unseen:
			names = append(names, fmt.Sprintf("%s of another model", c.Name))
		case !c.Idle || !c.Since.After(notice.After):
			names = append(names, c.Name)
		}
	}
	return names
}
