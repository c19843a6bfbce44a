package planner

import (
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/observation"
)

// Another certificate authority in the place of the one in use is a rotation, which takes phases of
// its own: handed out at once, it would leave members that do not trust each other at their next
// restart, or their next new connection. So the units keep what they have, which is good for as
// long as it is valid, and the application says what has to be done.

// OtherAuthority says that the provider of the observation offers none of the certificates that the
// cluster's members trust: whatever it gives, credentials of the daemon's own among them, opens no
// door.
func OtherAuthority(o observation.Observation) bool { return See(o).otherAuthority }

// offersAnother says that the provider offers none of the certificates that the cluster's members
// trust.
func (in *trust) offersAnother() bool {
	if in.Latch.ClusterID == "" || in.CA.Bundle == "" {
		return false
	}
	if _, _, rotates := RotatedBundle(in.Latch); rotates {
		return false
	}
	trusted, known := in.trusted()
	return known && !overlap(pki.Fingerprints(in.CA.Bundle), trusted)
}

// trusted are the fingerprints of what the member of every unit trusts that has one and tells whom
// it trusts; !known if none does.
func (in *trust) trusted() (fingerprints []string, known bool) {
	return in.byAll(func(f v1alpha1.UnitFacts) []string { return f.Trusts() })
}

// trustedOnDisk are those that they will all trust when each has been restarted.
func (in *trust) trustedOnDisk() (fingerprints []string, known bool) {
	return in.byAll(func(f v1alpha1.UnitFacts) []string { return f.Certificates.CA })
}

func (in *trust) byAll(list func(v1alpha1.UnitFacts) []string) (fingerprints []string, known bool) {
	var members [][]string
	for _, u := range in.Units {
		if hasData(u) {
			members = append(members, list(*u.Facts))
		}
	}
	return TrustedByAll(members)
}

// TrustedByAll are the fingerprints that are in each of the lists, those that are empty apart:
// members are kept apart by what one of them does not trust. !known if all lists are empty.
func TrustedByAll(lists [][]string) (fingerprints []string, known bool) {
	for _, list := range lists {
		switch {
		case len(list) == 0:
		case !known:
			fingerprints, known = slices.Clone(list), true
		default:
			fingerprints = slices.DeleteFunc(fingerprints, func(f string) bool { return !slices.Contains(list, f) })
		}
	}
	return fingerprints, known
}

// untrusted says that a unit without a member has no certificates that the members would trust, and
// gets none. Its certificate is of one of the authorities that it trusts itself, and an older agent
// does not tell which: then the members must trust them all. A rotation that went back leaves such
// a unit behind.
func (in *trust) untrusted(u observation.Unit) bool {
	if hasData(u) || in.bundle() != "" {
		return false
	}
	own := u.Facts.Certificates.CA
	if len(own) == 0 {
		return in.otherAuthority
	}
	trusted, known := in.trusted()
	if of := u.Facts.Certificates.Of; len(of) > 0 {
		return known && !overlap(of, trusted)
	}
	return known && slices.ContainsFunc(own, func(f string) bool { return !slices.Contains(trusted, f) })
}

func (in *trust) whyUntrusted(u observation.Unit) string {
	if in.otherAuthority {
		return fmt.Sprintf("%s has no certificate that the members trust, because %s offers another authority", u.Name, in.CA.Application)
	}
	return u.Name + " has no certificate that the members trust, and no authority is related"
}

// trustless says that a unit without a member trusts nobody yet, and that nobody offers it an
// authority now.
func (in *trust) trustless(u observation.Unit) bool {
	return !hasData(u) && len(u.Facts.Certificates.CA) == 0 && in.bundle() == "" && in.Latch.ClusterID != ""
}

// bundle is what members are to trust; empty means what they have.
func (in *trust) bundle() string {
	if in.otherAuthority {
		return ""
	}
	return in.CA.Bundle
}

// notices are what the status of a unit shows beside health.
func (in *words) notices(u observation.Unit) []etcdops.Notice {
	return []etcdops.Notice{in.expiry(u), {Text: u.Facts.Certificates.Trouble}, {Text: in.clockNotice(u)}}
}

func (in *trust) expiry(u observation.Unit) etcdops.Notice {
	var lives []etcdops.CertificateLife
	for _, c := range u.Facts.Certificates.Named() {
		lives = append(lives, etcdops.CertificateLife{Name: c.Name, NotBefore: c.NotBefore.Time, NotAfter: c.NotAfter.Time})
	}
	return etcdops.CertificateNotice(in.Now, lives...)
}

// expiring reports the first unit, and how many others, whose certificates end soon.
func (in *trust) expiring() etcdops.Notice {
	var first etcdops.Notice
	others := 0
	for _, u := range in.alive() {
		if u.Facts == nil {
			continue
		}
		n := in.expiry(u)
		switch {
		case n.Text == "":
			continue
		case first.Text == "":
			first.Text = u.Name + ": " + n.Text
		default:
			others++
		}
		first.Urgent = first.Urgent || n.Urgent
	}
	if others > 0 {
		first.Text += fmt.Sprintf(" (and %d more)", others)
	}
	return first
}

// underAuthority adds what there is to say of certificates and of who signs them. A missing or
// another authority comes before all that is less bad.
func (in *trust) underAuthority(w etcdops.Words) etcdops.Words {
	if !in.CA.Related {
		return etcdops.Worse(w, etcdops.MissingAuthorityWords())
	}
	return w
}

// applicationUnderAuthority is underAuthority for the application.
func (in *words) applicationUnderAuthority(w etcdops.Words) etcdops.Words {
	if in.otherAuthority {
		w = etcdops.Worse(w, etcdops.OtherAuthorityWords(in.Application, in.CA.Application))
	}
	return in.underAuthority(etcdops.WithNotices(w, in.expiring(), in.unused(), in.further(), in.refused(), in.procedural(), etcdops.Notice{Text: in.troubled()}))
}

// unused reports authorities that are related beside the one in use, and what a person should
// remove. The cluster goes on, and units join, with those of the one in use.
func (in *trust) unused() etcdops.Notice {
	var texts []string
	if _, _, rotates := RotatedBundle(in.Latch); rotates {
		return etcdops.Notice{}
	}
	for _, name := range in.CA.Unused {
		if strings.Contains(name, "/") {
			texts = append(texts, etcdops.UnusedUnitText(name))
		} else {
			texts = append(texts, etcdops.UnusedAuthorityText(in.Application, name))
		}
	}
	return etcdops.Notice{Text: strings.Join(texts, "; ")}
}

// troubled says what stands between the first unit and its certificate, and how many others have
// trouble.
func (in *trust) troubled() string {
	text, others := "", 0
	for _, u := range in.alive() {
		switch {
		case u.Facts == nil || u.Facts.Certificates.Trouble == "":
		case text == "":
			text = u.Name + ": " + strings.TrimRight(u.Facts.Certificates.Trouble, ".")
		default:
			others++
		}
	}
	if others > 0 {
		text += fmt.Sprintf(" (and %d more)", others)
	}
	return text
}

// handRequests has the controller's own requests put before a provider that signs, before anything
// else is prepared: whoever approves by hand sees them together with the units'. Afterwards they
// are part of what the Juju leader's unit should be.
func (in *steps) handRequests() (Step, bool) {
	leader, known := in.leader()
	if len(in.CA.ControllerRequests) == 0 || in.CA.ClientCertificate || !known || leader.Facts == nil || taken(leader) || in.applied(leader) {
		return Step{}, false
	}
	kind := StepPrepare
	if in.Latch.ClusterID != "" {
		kind = StepUpdate
	}
	return in.deliverTo(kind, fmt.Sprintf("%s puts the controller's certificate request before %s.", leader.Name, in.CA.Application),
		[]observation.Unit{leader}, in.atRest), true
}
