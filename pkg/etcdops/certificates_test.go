package etcdops_test

import (
	"testing"
	"time"

	"jujuetcd.io/pkg/etcdops"
)

func TestACertificateIsReportedBeforeItEndsAndNotWhileItIsRenewedInTime(t *testing.T) {
	const day = 24 * time.Hour
	end := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	life := func(d time.Duration) etcdops.CertificateLife {
		return etcdops.CertificateLife{Name: "server certificate", NotBefore: end.Add(-d), NotAfter: end}
	}
	const soon = "server certificate expires on 2027-01-31 12:00 UTC"
	tests := []struct {
		name   string
		life   time.Duration
		left   time.Duration
		want   string
		urgent bool
	}{
		{"ten years, 31 days left", 3650 * day, 31 * day, "", false},
		{"ten years, 30 days left", 3650 * day, 30 * day, soon, false},
		{"ten years, 7 days left", 3650 * day, 7 * day, soon, true},
		{"90 days, when it is renewed", 90 * day, 30 * day, "", false},
		{"90 days, the renewal is overdue", 90 * day, 15 * day, soon, false},
		{"90 days, 7 days left", 90 * day, 7 * day, soon, true},
		{"an hour, when it is renewed", time.Hour, 20 * time.Minute, "", false},
		{"an hour, 5 minutes left", time.Hour, 5 * time.Minute, soon, true},
		{"expired", 90 * day, -time.Second, "server certificate expired on 2027-01-31 12:00 UTC", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := etcdops.CertificateNotice(end.Add(-test.left), life(test.life))
			if got.Text != test.want || got.Urgent != test.urgent {
				t.Errorf("%+v", got)
			}
		})
	}
	other := etcdops.CertificateLife{Name: "certificate authority", NotBefore: end.Add(-3650 * day), NotAfter: end.Add(-day)}
	if got := etcdops.CertificateNotice(end.Add(-20*day), life(3650*day), other); got.Text != "certificate authority expires on 2027-01-30 12:00 UTC" {
		t.Errorf("of two the one that ends first is reported, not %q", got.Text)
	}
}

func TestNoticesStandBesideHealthAndOnlyAnUrgentOneBlocks(t *testing.T) {
	healthy := etcdops.Words{State: etcdops.Active, Message: "Healthy with 3 known peers"}
	if got := etcdops.WithNotices(healthy, etcdops.Notice{}, etcdops.Notice{Text: "a."}, etcdops.Notice{Text: "b"}); got.State != etcdops.Active ||
		got.Message != "Healthy with 3 known peers: a; b" {
		t.Errorf("%+v", got)
	}
	if got := etcdops.WithNotices(healthy, etcdops.Notice{Text: "a", Urgent: true}); got.State != etcdops.Blocked {
		t.Errorf("%+v", got)
	}
	if got := etcdops.WithNotices(healthy); got != healthy {
		t.Errorf("%+v", got)
	}
	// The unit's own look has the last word about health also where a notice stood beside it.
	last := etcdops.WithNotices(healthy, etcdops.Notice{Text: "a", Urgent: true})
	if got := etcdops.Shown(last, healthy); got != healthy {
		t.Errorf("%+v", got)
	}
}
