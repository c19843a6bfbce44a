package charm

import (
	"context"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/certificates"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
)

// showWord shows the controller's word.
func (a *Agent) showWord(ctx context.Context, word v1alpha1.StatusSpec, leader bool) error {
	if err := a.show(ctx, word.Unit); err != nil {
		return err
	}
	if word.Application == nil || !leader {
		return nil
	}
	want := fit(*word.Application)
	shown, err := a.run.Tools.ApplicationStatus(ctx)
	if err != nil || shown == want {
		return err
	}
	return a.run.Tools.SetApplicationStatus(ctx, want)
}

// fit is a status as it is shown: it may say what others have written.
func fit(s v1alpha1.StatusText) v1alpha1.StatusText {
	s.Message = printable.Line(s.Message, printable.Status)
	return s
}

// notStarted says in the words of a unit that has no member yet why it cannot get one: the
// controller learns of it only when this delivery has ended, and the next one takes it back or
// reports it again.
func notStarted(word v1alpha1.StatusSpec, status v1alpha1.EtcdUnitStatus) v1alpha1.StatusSpec {
	if status.Outcome != v1alpha1.OutcomeFailed || !beforeServing(word.Unit) {
		return word
	}
	why := v1alpha1.StatusText{State: etcdops.Blocked, Message: status.Message}
	if word.Application != nil && *word.Application == word.Unit {
		word.Application = &why
	}
	word.Unit = why
	return word
}

// triesNextChannel says that the store lacks the channel, and that the option leaves it to the
// controller to ask for the next one, which the store has: no person has to do anything.
func (a *Agent) triesNextChannel(ctx context.Context, status v1alpha1.EtcdUnitStatus) bool {
	if !slices.ContainsFunc(v1alpha1.AutoChannels(), func(c string) bool { return v1alpha1.HasChannel(status.Channels, c) }) {
		return false
	}
	option, err := a.run.Tools.Config(ctx, "channel")
	return err == nil && (option == "" || option == "auto")
}

// beforeServing says that the word is about a unit that is made ready, started or added.
func beforeServing(word v1alpha1.StatusText) bool {
	preparing := text(etcdops.UnitWords(etcdops.View{}, etcdops.Ref{}, etcdops.PhasePreparing))
	phase := phaseOf(etcdops.Words(word))
	return word == preparing || phase == etcdops.PhaseStarting || phase == etcdops.PhaseJoining
}

// show sets the unit's status if it is another: the same one again would make a new entry in its
// history.
func (a *Agent) show(ctx context.Context, want v1alpha1.StatusText) error {
	if want.State == "" {
		return nil
	}
	want = fit(want)
	shown, err := a.run.Tools.Status(ctx)
	if err != nil || shown == want {
		return err
	}
	return a.run.Tools.SetStatus(ctx, want)
}

// showStatus is a hook's share: what is missing until the first reconcile, and later, when it is
// time to look, the controller's word or what the unit itself sees of etcd.
func (a *Agent) showStatus(ctx context.Context, last *v1alpha1.EtcdUnitSpec, facts v1alpha1.CertificateFacts, offer *certificates.Offer) error {
	if last == nil {
		words, err := a.missing(ctx, facts, offer)
		if err != nil {
			return err
		}
		return a.show(ctx, text(words))
	}
	switch a.run.Env.Name {
	case "update-status", "start", "upgrade-charm":
	default:
		return nil
	}
	word := etcdops.Words(last.Status.Unit)
	if words := a.deliveredWords(); words.State != "" {
		word = words
	}
	if last.Service.State != v1alpha1.ServiceRunning {
		return a.show(ctx, text(word))
	}
	own, view, err := a.machine.Health(ctx)
	if err != nil {
		a.run.Log.Error(err, "Left the status as it was")
		return nil
	}
	ref := etcdops.Ref{ID: own.MemberID, ClientURL: own.Endpoint, Name: last.Etcd.Name}
	local := etcdops.UnitWords(view.Counted(ref), ref, phaseOf(word))
	if phaseOf(word) == etcdops.PhaseServing {
		local = etcdops.WithNotices(local, append(notices(facts, offer, a.run.Now()), etcdops.Notice{Text: last.Status.Notice})...)
	}
	return a.show(ctx, text(etcdops.Shown(word, local)))
}

// notices are what is shown beside health; the controller shows the same of the facts, but for what
// a look has shown.
func notices(facts v1alpha1.CertificateFacts, offer *certificates.Offer, now time.Time) []etcdops.Notice {
	var lives []etcdops.CertificateLife
	for _, c := range facts.Named() {
		lives = append(lives, etcdops.CertificateLife{Name: c.Name, NotBefore: c.NotBefore.Time, NotAfter: c.NotAfter.Time})
	}
	return []etcdops.Notice{etcdops.CertificateNotice(now, lives...), {Text: strings.Join(offer.Trouble, " ")}, {Text: offer.Unserved}}
}

// missing are the words for a unit that was handed nothing yet: what it lacks itself, the words
// that came, or whose delivery it waits for.
func (a *Agent) missing(ctx context.Context, have v1alpha1.CertificateFacts, offer *certificates.Offer) (etcdops.Words, error) {
	switch {
	case offer.Provider == v1alpha1.ProviderNone:
		return etcdops.MissingAuthorityWords(), nil
	case len(offer.Trouble) > 0:
		return etcdops.Words{State: etcdops.Blocked, Message: strings.Join(offer.Trouble, " ")}, nil
	}
	var missing []string
	for _, part := range []struct {
		name string
		here bool
	}{
		{"CA", offer.CA != ""},
		{"server certificate", offer.Server != nil || have.Server != nil},
		{"client certificate", offer.Client != nil || have.Client != nil},
	} {
		if !part.here {
			missing = append(missing, part.name)
		}
	}
	if len(missing) > 0 {
		return etcdops.WaitingForCertificateWords(missing...), nil
	}
	if words := a.deliveredWords(); words.State != "" {
		return words, nil
	}
	return a.waiting(ctx)
}

// waiting are the words for a unit that lacks nothing but the controller, as far as it can tell who
// that is.
func (a *Agent) waiting(ctx context.Context) (etcdops.Words, error) {
	peers, err := a.run.Peers(ctx)
	if err != nil || peers == "" {
		return etcdops.WaitingForControllerWords(a.run.Env.Model), err
	}
	bag, err := a.run.LatchBag(ctx, peers)
	if err != nil {
		return etcdops.Words{}, err
	}
	latch, err := v1alpha1.LatchFromDatabag(bag)
	switch {
	case err != nil:
		return etcdops.UnreadableLatchWords(err), nil
	case latch.Epoch != nil:
		return etcdops.WaitingForHolderWords(latch.Epoch.Holder), nil
	}
	return etcdops.WaitingForControllerWords(a.run.Env.Model), nil
}

// phaseOf is the phase that the controller's word shows, so that the unit's own look goes on in it.
func phaseOf(word etcdops.Words) etcdops.Phase {
	name, _, found := strings.Cut(word.Message, ":")
	if word.State != etcdops.Maintenance || !found {
		return etcdops.PhaseServing
	}
	switch phase := etcdops.Phase(name); phase {
	case etcdops.PhaseStarting, etcdops.PhaseJoining, etcdops.PhaseRestarting, etcdops.PhaseUpgrading, etcdops.PhaseLeaving:
		return phase
	}
	return etcdops.PhaseServing
}

func text(w etcdops.Words) v1alpha1.StatusText { return v1alpha1.StatusText(w) }
