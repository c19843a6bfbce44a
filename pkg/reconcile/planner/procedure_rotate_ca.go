package planner

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Another authority takes the place of the one in use in three phases, because etcd reads whom it
// trusts only when it starts, and each new connection shows the leaf that is on disk then:
//
//  1. trust: every member trusts both, one restart each; then clients that are not related need
//     both, too;
//  2. leaves: every member, every related client and this daemon use leaves of the new one, without
//     a restart; then other clients need such leaves;
//  3. forget: every member trusts the new one alone, one restart each.
//
// A leaf of the new authority that is shown to a member before it trusts it keeps the two apart
// from the next connection on, though all look healthy until then: so phase 1 ends only when every
// member has accepted such a leaf in a fresh handshake on each of its ports.

// Notes of a rotation: the two bundles, and the application that is trusted next.
const (
	noteOldCA    = "old"
	noteNewCA    = "new"
	noteProvider = "provider"
)

func rotateCA() procedure {
	under := func(bundle func(v1alpha1.JournalEntry) string, leaves, next string) func(*journal, v1alpha1.JournalEntry, observation.Unit, *v1alpha1.EtcdUnitSpec) {
		return func(in *journal, e v1alpha1.JournalEntry, _ observation.Unit, s *v1alpha1.EtcdUnitSpec) {
			s.TLS.CABundle = bundle(e)
			// What was trusted before may have been a bundle that not every member has read.
			s.TLS.Leaves, s.TLS.Next = in.common(pki.Fingerprints(e.Notes[leaves])), nil
			if next != "" {
				s.TLS.Next = pki.Fingerprints(e.Notes[next])
			}
		}
	}
	only := func(note string) func(v1alpha1.JournalEntry) string {
		return func(e v1alpha1.JournalEntry) string { return e.Notes[note] }
	}
	return procedure{
		name: "CA rotation", action: v1alpha1.ActionRotateCA, begin: beginRotation, protocol: v1alpha1.ProtocolProcedures, restarts: true,
		phases: []phase{
			{name: "trust", full: true, rests: true, words: "members trust both authorities",
				spec: under(RotationBundle, noteOldCA, noteNewCA), gate: trustsBoth,
				then: "give clients that are not related the CA bundle of both"},
			{name: "leaves", rests: true, words: "certificates of the new authority are in use",
				spec: under(RotationBundle, noteNewCA, ""), gate: usesLeavesOf(noteNewCA),
				then: "give clients that are not related certificates of the new authority"},
			{name: "forget", words: "members trust the new authority alone",
				spec: under(only(noteNewCA), noteNewCA, ""), gate: trustsOnly(noteNewCA)},
		},
		back: []phase{
			{name: "leaves", full: true, words: "certificates of the old authority are used again",
				spec: under(RotationBundle, noteOldCA, ""), gate: usesLeavesOf(noteOldCA)},
			{name: "trust", full: true, words: "members trust the old authority alone",
				spec: under(only(noteOldCA), noteOldCA, ""), gate: trustsOnly(noteOldCA)},
		},
		mayBack: rotationMayGoBack,
	}
}

// rotationMayGoBack: as long as all members trust the old authority and, once its leaves have been
// given up, somebody still gives them.
func rotationMayGoBack(in *journal, e v1alpha1.JournalEntry) string {
	switch e.Phase {
	case "trust":
		return ""
	case "leaves":
		if in.offers(pki.Fingerprints(e.Notes[noteOldCA])) {
			return ""
		}
		return "the old authority, whose certificates would be needed again, is not offered any more"
	}
	return "members may have forgotten the old authority already"
}

// RotationBundle is what members trust while both authorities are trusted: the old one first, for
// clients that read one certificate only.
func RotationBundle(e v1alpha1.JournalEntry) string {
	return strings.TrimSpace(e.Notes[noteOldCA]) + "\n" + strings.TrimSpace(e.Notes[noteNewCA]) + "\n"
}

// RotatedBundle is what servers are verified with while a rotation is under way, and the
// authorities whose leaves count, as fingerprints; !ok if there is none.
func RotatedBundle(l v1alpha1.Latch) (bundle string, leaves []string, ok bool) {
	journal, _ := readJournal(l)
	for _, r := range journal {
		if r.of.action != v1alpha1.ActionRotateCA {
			continue
		}
		note := noteNewCA
		if r.entry.Back || r.entry.Phase == "trust" {
			note = noteOldCA
		}
		return RotationBundle(r.entry), pki.Fingerprints(r.entry.Notes[note]), true
	}
	return "", nil, false
}

// beginRotation finds the authority that is trusted next, and the bundle that is trusted now.
func beginRotation(in *journal, r v1alpha1.Request) (map[string]string, string) {
	trusted, _ := in.trusted()
	foreign := func(bundle string) bool {
		prints := pki.Fingerprints(bundle)
		return len(prints) > 0 && !overlap(prints, trusted)
	}
	offered := map[string]string{}
	for _, o := range in.CA.Offers {
		if foreign(o.Bundle) && (r.Subject == "" || r.Subject == o.Application) {
			offered[o.Application] = o.Bundle
		}
	}
	if len(offered) != 1 {
		switch {
		case len(offered) > 1:
			return nil, "several applications offer another authority, and it names none of them (provider=)"
		case r.Subject != "":
			return nil, fmt.Sprintf("%s offers no authority that is not trusted already", r.Subject)
		}
		return nil, "nobody offers an authority that is not trusted already"
	}
	old := ""
	for _, u := range in.Units {
		if text := in.bundleOnDisk(u); hasData(u) && text != "" {
			old = text
			break
		}
	}
	if old == "" {
		return nil, "no unit tells the authority that is trusted now"
	}
	for application, bundle := range offered {
		return map[string]string{noteOldCA: old, noteNewCA: bundle, noteProvider: application}, ""
	}
	return nil, ""
}

// bundleOnDisk is what the unit trusts, as PEM; empty if that is not known.
func (in *journal) bundleOnDisk(u observation.Unit) string {
	switch {
	case u.Facts == nil:
		return ""
	case u.Facts.Certificates.TrustedCA != "":
		return u.Facts.Certificates.TrustedCA
	case slices.Equal(pki.Fingerprints(u.Facts.Certificates.OfferedCA), u.Facts.Certificates.CA):
		return u.Facts.Certificates.OfferedCA
	}
	return ""
}

// offers says that somebody offers one of these authorities.
func (in *journal) offers(authority []string) bool {
	return slices.ContainsFunc(in.CA.Offers, func(o observation.AuthorityOffer) bool { return overlap(pki.Fingerprints(o.Bundle), authority) })
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(f string) bool { return slices.Contains(b, f) })
}

// eachMember asks every unit that has a member, and says which is waited for; a member without a
// unit, and one that is down, too.
func (in *journal) eachMember(lacks func(observation.Unit) string) string {
	for _, m := range in.Etcd.Members {
		if _, ok := in.unitOf(m); !ok {
			return fmt.Sprintf("member %s has no unit", label(m))
		}
	}
	for _, u := range in.Units {
		m, member := in.member[u.Name]
		switch {
		case !member && (in.Etcd.Listed || !hasData(u)):
			continue // data of a member that was taken back is in nobody's way, and is set aside when the unit joins anew
		case u.Facts == nil:
			return u.Name + " tells nothing of itself"
		case !member || !in.serving(m):
			return u.Name + " does not serve"
		case u.Facts.RestartPending:
			return u.Name + " runs with another configuration than it should"
		}
		if why := lacks(u); why != "" {
			return u.Name + " " + why
		}
	}
	if !in.Etcd.Listed {
		return "there is no quorum"
	}
	return ""
}

func trustsBoth(in *journal, e v1alpha1.JournalEntry) string {
	both, next := pki.Fingerprints(RotationBundle(e)), pki.Fingerprints(e.Notes[noteNewCA])
	return in.eachMember(func(u observation.Unit) string {
		switch c := u.Facts.Certificates; {
		case !sameAuthorities(c.CA, both):
			return "does not trust both authorities yet"
		case c.Proof == nil || !sameAuthorities(c.Proof.Accepts, next):
			return "has not proven yet that its member accepts a certificate of the new authority"
		}
		return ""
	})
}

func usesLeavesOf(note string) func(*journal, v1alpha1.JournalEntry) string {
	return func(in *journal, e v1alpha1.JournalEntry) string {
		leaves := pki.Fingerprints(e.Notes[note])
		why := in.eachMember(func(u observation.Unit) string {
			if p := u.Facts.Certificates.Proof; p == nil || !sameAuthorities(p.Serves, leaves) {
				return "has not proven yet that its member serves a certificate of " + in.authorityOf(e, note)
			}
			return ""
		})
		if why == "" && !overlap(in.CA.Own, leaves) {
			return "the controller has no client certificate of " + in.authorityOf(e, note) + " yet"
		}
		return why
	}
}

func trustsOnly(note string) func(*journal, v1alpha1.JournalEntry) string {
	return func(in *journal, e v1alpha1.JournalEntry) string {
		alone := pki.Fingerprints(e.Notes[note])
		return in.eachMember(func(u observation.Unit) string {
			if !sameAuthorities(u.Facts.Certificates.CA, alone) {
				return "does not trust " + in.authorityOf(e, note) + " alone yet"
			}
			return ""
		})
	}
}

func (in *journal) authorityOf(e v1alpha1.JournalEntry, note string) string {
	if note == noteOldCA {
		return "the old authority"
	}
	return "the new authority, " + e.Notes[noteProvider]
}

// sameAuthorities says that two lists name the same certificates.
func sameAuthorities(a, b []string) bool {
	sorted := func(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
	return len(a) > 0 && slices.Equal(sorted(a), sorted(b))
}
