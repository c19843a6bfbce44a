package planner

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
)

// A cluster of which Juju keeps no unit ends with the last one: its latch is marked while somebody
// can still write it. Units that come later begin anew, and to clients an empty etcd is worse than
// none: so only under the mark, or on a person's word, and only where nothing is left of the
// cluster before.

// last: no unit stays, and the latch does not say so yet.
func (in *births) last() (Step, bool) {
	leader, ok := in.leader()
	if !ok || !in.LatchRead || in.Latch.Ends() || in.Latch.ClusterID == "" && in.Latch.Seeds == nil || !knowsEnding(leader) {
		return Step{}, false
	}
	if _, foreign := in.standby(); foreign {
		return Step{}, false
	}
	request := v1alpha1.LatchRequest{Ending: &v1alpha1.EndingRequest{Ending: v1alpha1.Ending{
		ClusterID: in.Latch.ClusterID, Token: in.Latch.Token(), Endpoints: in.places(),
	}}}
	const reason = "Juju keeps no unit: the cluster ends with the last one."
	if in.claimed() {
		return in.latchStep(StepLatchEnding, reason, in.epoch(), request), true
	}
	// The units are gone in seconds: there is no time for a delivery more.
	step := in.claim(reason)
	if step.Kind == StepClaim && !step.Units[0].Spec.Delivery.WordsOnly {
		request.Claim = step.Units[0].Spec.Latch.Claim
		step.Units[0].Spec.Latch = &request
	}
	return step, true
}

// knowsEnding says that the unit's agent writes the mark, and what else came with it.
func knowsEnding(u observation.Unit) bool { return u.Facts != nil && u.Facts.Protocol >= 2 }

// places are where the members serve, or did: what still answers there is no cluster that has
// ended.
func (in *addresses) places() []string {
	var urls []string
	for _, m := range in.Etcd.Members {
		urls = append(urls, m.ClientURLs...)
	}
	for _, u := range in.Units {
		if hasData(u) {
			urls = append(urls, in.servesAt(u))
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// FormerEndpoints are the client URLs where the latched cluster was, as far as the latch says:
// those of the mark, and those of the seeds, with the given port.
func FormerEndpoints(l v1alpha1.Latch, port int32) []string {
	var urls []string
	if l.Ending != nil {
		urls = append(urls, l.Ending.Endpoints...)
	}
	if l.Seeds != nil {
		for _, s := range l.Seeds.Members {
			if u, err := url.Parse(s.PeerURL); err == nil && u.Hostname() != "" {
				urls = append(urls, httpsURL(u.Hostname(), port))
			}
		}
	}
	slices.Sort(urls)
	return slices.Compact(urls)
}

// forget takes the latch of a cluster that was given up, and of which no unit has data, for that of
// one which has yet to be born. The latch as it is stays in ended.
func (in *roster) forget() {
	_, _, asked := in.asked()
	if !in.LatchRead || in.Etcd.Listed || len(in.alive()) == 0 || slices.ContainsFunc(in.Units, hasData) || !asked && !in.Latch.Ends() {
		return
	}
	former := in.Latch
	in.ended = &former
	in.Latch.Seeds, in.Latch.ClusterID, in.Latch.Ending = nil, "", nil
}

// asked is the request of a person's to give up the latched cluster that nobody has seen to yet.
func (in *roster) asked() (observation.Unit, v1alpha1.Request, bool) {
	latch := in.Latch
	if in.ended != nil {
		latch = *in.ended
	}
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Request == nil || latch.ClusterID == "" {
			continue
		}
		r := *u.Facts.Request
		if r.Kind == v1alpha1.ActionBeginAnew && r.Subject == latch.ClusterID && r.Task > latch.Handled[u.Name] {
			return u, r, true
		}
	}
	return observation.Unit{}, v1alpha1.Request{}, false
}

// endings: a mark, or a person's word, that does not hold any more is taken back at once, so that
// it does not count later.
func endings(in *Situation) (Step, bool) {
	if in.ended != nil {
		return Step{}, false
	}
	if u, r, ok := in.asked(); ok {
		return in.latchStep(StepAnswer, fmt.Sprintf("Task %d of %s asks to begin anew, and cluster %s still has data or members.", r.Task, u.Name,
			r.Subject), in.epoch(), v1alpha1.LatchRequest{Handled: map[string]int64{u.Name: r.Task}}), true
	}
	i := slices.IndexFunc(in.alive(), func(u observation.Unit) bool {
		m, member := in.member[u.Name]
		return member && !m.Learner && m.Started()
	})
	if !in.Latch.Ends() || !in.Etcd.Listed || i < 0 {
		return Step{}, false
	}
	return in.latchStep(StepLatchEnding, fmt.Sprintf("The cluster goes on: %s stays, and is a member.", in.alive()[i].Name), in.epoch(),
		v1alpha1.LatchRequest{Ending: &v1alpha1.EndingRequest{Stays: true,
			Ending: v1alpha1.Ending{ClusterID: in.Latch.ClusterID, Token: in.Latch.Token()}}}), true
}

// leftovers is what is left of the cluster that was given up, as far as that can be known: while
// there is any, nothing is born in its place.
func (in *births) leftovers() (Step, bool) {
	if in.ended == nil {
		return Step{}, false
	}
	for _, url := range FormerEndpoints(*in.ended, in.opts.Port) {
		h, asked := in.Etcd.Health[url]
		switch {
		case !asked:
			return wait("Nobody has asked yet whether the cluster that was here still answers at %s.", url), true
		case h.Answered:
			return wait("The cluster that was here has ended, and etcd still answers at %s: stop it, and units begin anew.", url).person(), true
		}
	}
	if _, _, asked := in.asked(); asked {
		return Step{}, false // a person knows what is on the volumes
	}
	switch {
	case !in.VolumesReported:
		return wait("The cluster that was here has ended, and this Juju does not tell of storage that it may be on: %s", in.beginAnew()).person(), true
	case len(in.Volumes) > 0:
		return wait("The cluster that was here has ended, and may be on storage %s: attach it to get the data, or %s",
			strings.Join(in.Volumes, ", "), in.beginAnew()).person(), true
	}
	return Step{}, false
}

// beginAnew tells a person how to give the latched cluster up, as the end of a sentence.
func (in *roster) beginAnew() string {
	id := in.Latch.ClusterID
	if in.ended != nil {
		id = in.ended.ClusterID
	}
	if id == "" {
		return "remove the application."
	}
	return fmt.Sprintf("give it up for an empty one: juju run %s/leader %s %s=%s", in.Application, v1alpha1.ActionBeginAnew,
		v1alpha1.ParameterClusterID, id)
}

// bearing is what is asked of the latch for a birth from these seeds: in a latch that has never had
// any, or instead of what was given up.
func (in *births) bearing(seeds *v1alpha1.Seeds) v1alpha1.LatchRequest {
	if in.ended == nil {
		return v1alpha1.LatchRequest{Seeds: seeds}
	}
	request := v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: in.ended.Seeds, From: in.ended.ClusterID, Seeds: seeds}}
	if u, r, ok := in.asked(); ok {
		request.Handled = map[string]int64{u.Name: r.Task}
	}
	return request
}

// bearAnew is the birth of latched seeds under another token, because too many of them have lost
// their data for a quorum: no single one may begin again, since nobody knows what it has promised
// to the others; all may, where none has data. It returns what is in the way of that, and false
// where it is no way out.
func (in *births) bearAnew(lost []observation.Unit) (Step, bool) {
	if len(lost) == 0 || slices.ContainsFunc(in.Units, hasData) {
		return Step{}, false
	}
	var seeds []observation.Unit
	for _, s := range in.Latch.Seeds.Members {
		i := slices.IndexFunc(in.Units, func(u observation.Unit) bool { return u.Name == s.Unit && u.Facts != nil && !u.Dying })
		if i < 0 {
			return Step{}, false // it may run somewhere
		}
		seeds = append(seeds, in.Units[i])
	}
	reason := fmt.Sprintf("%s lost what the first start had written, and no seed has data: all begin anew.", names(lost))
	for _, u := range seeds {
		if until := u.Task.Begins(); in.Now.Before(until) {
			return wait("%s But %s may still start %s.", reason, u.Task, u.Name).until(until), true
		}
		if h, asked := in.Etcd.Health[in.clientURL(u)]; !asked || h.Answered {
			return wait("%s But etcd answers on %s, or has not been asked.", reason, u.Name), true
		}
	}
	next := in.seedsOf(seeds)
	return in.latchStep(StepLatchSeeds, reason, in.epoch(), v1alpha1.LatchRequest{
		Rebirth: &v1alpha1.Rebirth{FromSeeds: in.Latch.Seeds, From: in.Latch.ClusterID, Seeds: next}}), true
}
