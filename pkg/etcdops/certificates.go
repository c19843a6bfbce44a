package etcdops

import (
	"fmt"
	"strings"
	"time"
)

// CertificateLife is what a status needs to report a certificate.
type CertificateLife struct {
	// Name is what people call it, such as "server certificate".
	Name                string
	NotBefore, NotAfter time.Time
}

// How long before its end a certificate is reported. One that lives shorter than half a year is
// reported later, because it is renewed at two thirds of its life: only a renewal that is overdue
// is news.
const (
	expiryNotice = 30 * 24 * time.Hour
	expiryAlarm  = 7 * 24 * time.Hour
	noticeShare  = 6  // of its life, at most
	alarmShare   = 12 // of its life, at most
)

// Notice is something that a status shows beside health.
type Notice struct {
	Text string
	// Urgent says that a person has to do something now.
	Urgent bool
}

// CertificateNotice reports the certificate that ends first if that is soon, by its date: the text
// is the same from look to look. The zero Notice means that there is nothing to report.
func CertificateNotice(now time.Time, certificates ...CertificateLife) Notice {
	var first *CertificateLife
	for _, c := range certificates {
		if !now.Before(c.NotAfter.Add(-c.share(expiryNotice, noticeShare))) && (first == nil || c.NotAfter.Before(first.NotAfter)) {
			first = &c
		}
	}
	switch {
	case first == nil:
		return Notice{}
	case now.After(first.NotAfter):
		return Notice{Text: first.Name + " expired on " + date(first.NotAfter), Urgent: true}
	}
	return Notice{
		Text:   first.Name + " expires on " + date(first.NotAfter),
		Urgent: !now.Before(first.NotAfter.Add(-first.share(expiryAlarm, alarmShare))),
	}
}

// share is the time, or the part of the certificate's life if that is shorter.
func (c CertificateLife) share(d time.Duration, part int) time.Duration {
	return min(d, c.NotAfter.Sub(c.NotBefore)/time.Duration(part))
}

// date is a day in UTC; a certificate that lives for hours only, as in tests, is given to the
// minute.
func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

// WithNotices are the words with what is to be shown beside them. An urgent notice blocks.
func WithNotices(w Words, notices ...Notice) Words {
	for _, n := range notices {
		text := strings.TrimRight(n.Text, ".")
		if text == "" {
			continue
		}
		separator := ": "
		if strings.Contains(w.Message, ": ") {
			separator = "; "
		}
		w.Message += separator + text
		if n.Urgent {
			w.State = Worse(w, Words{State: Blocked}).State
		}
	}
	return w
}

// OtherAuthorityWords are for an application whose provider has been replaced.
func OtherAuthorityWords(application, provider string) Words {
	return Words{Blocked, fmt.Sprintf("%s offers another certificate authority than the one in use: relate the former one again, or let "+
		"this one take its place (juju run %s/leader rotate-ca)", provider, application)}
}

// UnusedAuthorityText is what an application shows of a provider that is related beside the one in
// use.
func UnusedAuthorityText(application, provider string) string {
	return fmt.Sprintf("%s is related, too, and offers another authority than the one in use: it is not used; remove its relation "+
		"(juju remove-relation %s:certificates %s), or let it take the other's place (juju run %s/leader rotate-ca provider=%s)",
		provider, application, provider, application, provider)
}

// FurtherAuthorityText is what an application shows while members are restarted because of a further
// authority.
func FurtherAuthorityText(provider string) string {
	return provider + " offers a further authority beside the one in use: its certificates are used as soon as every member has been restarted"
}

// UnusedUnitText is what an application shows of a unit of its provider that has an authority of
// its own.
func UnusedUnitText(unit string) string {
	return fmt.Sprintf("%s has an authority of its own, which is not the one in use: it is not used; remove it (juju remove-unit %s)", unit, unit)
}
