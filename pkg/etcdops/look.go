package etcdops

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// Look looks at a cluster, beginning at the endpoints: it checks them all at once, has the first
// voter that serves list the members, and checks the members' own client URLs, too. A look never
// fails: what could not be seen is in the view, each endpoint's reason in its health, and why there
// is no list in Err.
//
// It takes at most two health timeouts and one membership timeout, and that only where packets
// vanish.
func (p *Pool) Look(ctx context.Context, endpoints []string) View {
	return p.look(ctx, endpoints, true)
}

// LookFrom looks at a cluster from the endpoints only: they are checked, and list the members, but
// no further member is asked. It is the cheap look of a unit that wants to know about itself.
func (p *Pool) LookFrom(ctx context.Context, endpoints []string) View {
	return p.look(ctx, endpoints, false)
}

func (p *Pool) look(ctx context.Context, endpoints []string, further bool) View {
	v := View{At: time.Now(), Health: map[string]EndpointHealth{}}
	if len(endpoints) == 0 {
		v.Err = "no endpoint is known"
		return v
	}
	asked := p.checkAll(ctx, endpoints)
	lister := p.listFrom(ctx, &v, asked)
	var members <-chan EndpointHealth
	if further {
		known := func(url string) bool { return slices.Contains(endpoints, url) }
		members = p.checkAll(ctx, slices.DeleteFunc(v.ClientURLs(), known))
	}
	for h := range asked {
		v.Health[h.Endpoint] = h
	}
	if members != nil {
		for h := range members {
			v.Health[h.Endpoint] = h
		}
	}
	if !v.Listed {
		v.Err = v.unlistedReason(endpoints)
		return v
	}
	if slices.ContainsFunc(v.Members, func(m Member) bool { return v.HealthOf(m).Alarmed }) {
		if err := p.alarms(ctx, lister, &v); err != nil {
			v.AlarmsErr = err.Error()
		}
	}
	v.compare()
	return v
}

// checkAll checks all endpoints at once. The channel takes all results without a reader, and is
// closed after the last one.
func (p *Pool) checkAll(ctx context.Context, endpoints []string) <-chan EndpointHealth {
	results := make(chan EndpointHealth, len(endpoints))
	var running sync.WaitGroup
	for i, endpoint := range endpoints {
		if !slices.Contains(endpoints[:i], endpoint) {
			running.Go(func() { results <- p.Check(ctx, endpoint) })
		}
	}
	go func() {
		running.Wait()
		close(results)
	}()
	return results
}

// listFrom has the voters that serve list the members, in the order in which they answer, until one
// does; it takes results up to there. If none can, the list is what any member remembers, and the
// view is not Listed.
func (p *Pool) listFrom(ctx context.Context, v *View, asked <-chan EndpointHealth) (lister string) {
	var answered []string
	for h := range asked {
		v.Health[h.Endpoint] = h
		if h.Answered {
			answered = append(answered, h.Endpoint)
		}
		if !h.Serves || h.Learner {
			continue
		}
		// 3.4 lists what the member knows itself. The linearizable read of the check has just
		// brought it up to date.
		list, err := p.list(ctx, h.Endpoint, true)
		if err != nil {
			v.Err = detail(err.Error())
			continue
		}
		v.Listed, v.Members, v.ClusterID, v.Err = true, list.members, list.cluster, ""
		return h.Endpoint
	}
	for _, endpoint := range answered {
		if list, err := p.list(ctx, endpoint, false); err == nil {
			v.Members, v.ClusterID = list.members, list.cluster
			break
		}
	}
	return ""
}

// unlistedReason is why there is no list, for people: what the endpoint that came furthest says.
func (v View) unlistedReason(endpoints []string) string {
	if v.Err != "" {
		return v.Err
	}
	best := ""
	for _, endpoint := range endpoints {
		h := v.Health[endpoint]
		switch {
		case h.Answered && !h.Serves:
			return h.Reason()
		case h.Serves && h.Learner:
			best = "only a learner answers"
		case best == "" && h.Fault != FaultNone:
			best = h.Reason()
		}
	}
	return best
}

// compare marks what the answers show together: another cluster's endpoints, and members with an
// alarm.
func (v View) compare() {
	for url, h := range v.Health {
		if h.ClusterID != 0 && h.ClusterID != v.ClusterID {
			h.Serves, h.Fault, h.Detail = false, FaultOtherID, h.ClusterID.String()+" instead of "+v.ClusterID.String()
		}
		if h.Fault == FaultNone {
			for _, a := range v.Alarms {
				if a.Member == h.MemberID {
					h.Fault, h.Detail = FaultAlarm, a.Kind
				}
			}
		}
		v.Health[url] = h
	}
}

// memberList is one answer to a list.
type memberList struct {
	cluster ClusterID
	members []Member
}

func (p *Pool) list(ctx context.Context, endpoint string, linearizable bool) (memberList, error) {
	var list memberList
	err := p.on(ctx, endpoint, p.membershipTimeout, func(ctx context.Context, c *clientv3.Client) error {
		var options []clientv3.OpOption
		if !linearizable {
			options = append(options, clientv3.WithSerializable())
		}
		response, err := c.MemberList(ctx, options...)
		if err != nil {
			return err
		}
		list = memberList{cluster: ClusterID(response.Header.ClusterId), members: wrapMembers(response.Members)}
		return nil
	})
	return list, err
}

// alarms asks for the active alarms. Each such question is an entry in etcd's log, so it is asked
// only when a member's Status has mentioned one.
func (p *Pool) alarms(ctx context.Context, endpoint string, v *View) error {
	var own, stray []Alarm
	// A failure leaves the alarms out of this look; the next one asks again.
	err := p.on(ctx, endpoint, p.membershipTimeout, func(ctx context.Context, c *clientv3.Client) error {
		response, err := c.AlarmList(ctx)
		if err != nil {
			return err
		}
		for _, a := range response.Alarms {
			alarm := Alarm{Member: MemberID(a.MemberID), Kind: a.Alarm.String()}
			if a.Alarm == etcdserverpb.AlarmType_NONE {
				continue
			}
			// An alarm outlives its member.
			if _, ok := v.Member(alarm.Member); ok {
				own = append(own, alarm)
			} else {
				stray = append(stray, alarm)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("cannot list alarms: %w", err)
	}
	v.Alarms, v.Stray = own, stray
	return nil
}

func wrapMember(m *etcdserverpb.Member) Member {
	return Member{
		ID:         MemberID(m.GetID()),
		Name:       m.GetName(),
		PeerURLs:   slices.Clone(m.GetPeerURLs()),
		ClientURLs: slices.Clone(m.GetClientURLs()),
		Learner:    m.GetIsLearner(),
	}
}

func wrapMembers(list []*etcdserverpb.Member) []Member {
	members := make([]Member, 0, len(list))
	for _, m := range list {
		members = append(members, wrapMember(m))
	}
	slices.SortFunc(members, func(a, b Member) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
	return members
}
