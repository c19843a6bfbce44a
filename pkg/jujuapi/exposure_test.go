package jujuapi_test

import (
	"net/netip"
	"slices"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
)

func TestExposureCoversWhatIsInOneOfItsCIDRs(t *testing.T) {
	t.Parallel()
	e := jujuapi.Exposure{Spaces: []string{"alpha"}, CIDRs: []string{"10.0.0.0/24", "192.0.2.1/32", "2001:db8::/64", "nonsense"}}
	for text, want := range map[string]bool{
		"10.0.0.7/32": true, "10.0.0.0/24": true, "10.0.0.0/23": false, "10.0.1.7/32": false, "192.0.2.1/32": true,
		"2001:db8::9/128": true, "2001:db8:1::9/128": false, "0.0.0.0/0": false,
	} {
		if got := e.Covers(netip.MustParsePrefix(text)); got != want {
			t.Errorf("%s is covered: %t", text, got)
		}
	}
	if !jujuapi.Everywhere.Covers(netip.MustParsePrefix("198.51.100.3/32")) || !jujuapi.Everywhere.Covers(netip.MustParsePrefix("2001:db8::/32")) {
		t.Error("everywhere does not cover everything")
	}
	if (jujuapi.Exposure{}).Covers(netip.MustParsePrefix("10.0.0.7/32")) {
		t.Error("nothing covers something")
	}
}

func TestExposureWithMoreKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	e := jujuapi.Exposure{Spaces: []string{"alpha"}, CIDRs: []string{"192.0.2.0/24", "10.0.0.1/32"}}
	wider := e.With("10.0.0.2/32", "10.0.0.1/32")
	if !slices.Equal(wider.CIDRs, []string{"10.0.0.1/32", "10.0.0.2/32", "192.0.2.0/24"}) || !slices.Equal(wider.Spaces, e.Spaces) {
		t.Errorf("with more: %+v", wider)
	}
	if !slices.Equal(e.CIDRs, []string{"192.0.2.0/24", "10.0.0.1/32"}) {
		t.Errorf("it was changed itself: %+v", e)
	}
}
