package v1alpha1_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

func seeds(token string) *v1alpha1.Seeds {
	return &v1alpha1.Seeds{Token: token, Members: []v1alpha1.Seed{{Unit: "etcd/0", Name: "etcd0", PeerURL: "https://10.0.0.1:2380"}}}
}

var epoch1 = v1alpha1.Epoch{Number: 1, Holder: "d"}

// A newer version writes more into the latch than this one knows: a journal with entries, keys of its own, fields beside those of
// the epoch and the seeds.
func newer() map[string]string {
	return map[string]string{
		v1alpha1.LatchEpochKey:     `{"number":1, "holder":"d", "claimed":"2026-11-29"}`,
		v1alpha1.LatchSeedsKey:     `{"token":"a","members":[{"unit":"etcd/0","name":"etcd0","peerURL":"https://10.0.0.1:2380","zone":"b"}]}`,
		v1alpha1.LatchClusterIDKey: "aaaa",
		v1alpha1.LatchJournalKey:   `[{"procedure":"rotate-ca","phase":"trust-both","seq":3}]`,
		"handled":                  `{"etcd/0":17}`,
	}
}

// apply is what an agent does to a databag.
func apply(t *testing.T, bag map[string]string, r v1alpha1.LatchRequest, epoch v1alpha1.Epoch) map[string]string {
	t.Helper()
	before, err := v1alpha1.LatchFromDatabag(bag)
	if err != nil {
		t.Fatal(err)
	}
	after, err := before.Apply(r, epoch)
	if err != nil {
		t.Fatal(err)
	}
	writes, err := r.Writes(before, after)
	if err != nil {
		t.Fatal(err)
	}
	out := maps.Clone(bag)
	for key, value := range writes {
		if value == "" {
			delete(out, key)
			continue
		}
		out[key] = value
	}
	return out
}

func TestARequestLeavesEveryKeyThatItDoesNotNameByteForByte(t *testing.T) {
	for name, test := range map[string]struct {
		request v1alpha1.LatchRequest
		names   []string
	}{
		"a claim":             {v1alpha1.LatchRequest{Claim: &v1alpha1.EpochClaim{From: &epoch1}}, []string{v1alpha1.LatchEpochKey}},
		"the same seeds":      {v1alpha1.LatchRequest{Seeds: seeds("a")}, nil},
		"the same cluster ID": {v1alpha1.LatchRequest{ClusterID: "aaaa"}, nil},
		"nothing":             {v1alpha1.LatchRequest{}, nil},
		"a new identity": {v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "aaaa", Seeds: seeds("b"), To: "bbbb"}},
			[]string{v1alpha1.LatchSeedsKey, v1alpha1.LatchClusterIDKey}},
	} {
		t.Run(name, func(t *testing.T) {
			bag := newer()
			got := apply(t, bag, test.request, v1alpha1.Epoch{Number: 2, Holder: "e"})
			for _, key := range test.names {
				if got[key] == bag[key] {
					t.Errorf("key %s was not written", key)
				}
				delete(got, key)
				delete(bag, key)
			}
			if diff := cmp.Diff(bag, got); diff != "" {
				t.Errorf("(-before +after)\n%s", diff)
			}
		})
	}
}

func TestAJournalThatIsNotKnownRefusesNothingAndIsSeen(t *testing.T) {
	for text, unknown := range map[string]bool{
		"": false, "null": false, "[]": false, " [] ": false, "{}": false,
		`{"phase":"restore"}`: true, `[{"procedure":"restore"}]`: true, "not even JSON": true,
	} {
		latch, err := v1alpha1.LatchFromDatabag(map[string]string{v1alpha1.LatchJournalKey: text})
		if err != nil {
			t.Errorf("%q refuses: %v", text, err)
		}
		if _, err := latch.Entries(); (err != nil) != unknown {
			t.Errorf("%q: %v, unknown %v", text, err, unknown)
		}
	}
}

func TestANewIdentityIsLatchedOnlyInPlaceOfTheOneThatWasSeen(t *testing.T) {
	for name, test := range map[string]struct {
		latch   v1alpha1.Latch
		request v1alpha1.LatchRequest
		want    string // the token and cluster ID that are latched then, or
		refusal string
	}{
		"seeds that were never born": {v1alpha1.Latch{Seeds: seeds("a")},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), Seeds: seeds("b")}}, "b ", ""},
		"a cluster that has ended": {v1alpha1.Latch{Seeds: seeds("a"), ClusterID: "1"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b")}}, "b ", ""},
		"a cluster that is restored": {v1alpha1.Latch{Seeds: seeds("a"), ClusterID: "1"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b"), To: "2"}}, "b 2", ""},
		"an adopted one, without seeds": {v1alpha1.Latch{ClusterID: "1"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{From: "1", Seeds: seeds("b")}}, "b ", ""},
		"granted before": {v1alpha1.Latch{Seeds: seeds("b")},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b")}}, "b ", ""},
		"granted before, and a quorum has answered since": {v1alpha1.Latch{Seeds: seeds("b"), ClusterID: "2"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b")}}, "b 2", ""},
		"another cluster": {v1alpha1.Latch{Seeds: seeds("a"), ClusterID: "2"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b")}}, "", `in place of cluster "1"`},
		"a cluster that was born meanwhile": {v1alpha1.Latch{Seeds: seeds("a"), ClusterID: "2"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), Seeds: seeds("b")}}, "", `in place of cluster ""`},
		"other seeds": {v1alpha1.Latch{Seeds: seeds("c")},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), Seeds: seeds("b")}}, "", "other seeds"},
		"the old token": {v1alpha1.Latch{Seeds: seeds("a")},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), Seeds: seeds("a")}}, "", "is the old one"},
		"the old cluster ID": {v1alpha1.Latch{Seeds: seeds("a"), ClusterID: "1"},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a"), From: "1", Seeds: seeds("b"), To: "1"}}, "", "is the old one"},
		"no seeds": {v1alpha1.Latch{Seeds: seeds("a")},
			v1alpha1.LatchRequest{Rebirth: &v1alpha1.Rebirth{FromSeeds: seeds("a")}}, "", "no seeds"},
		"seeds beside it": {v1alpha1.Latch{},
			v1alpha1.LatchRequest{Seeds: seeds("b"), Rebirth: &v1alpha1.Rebirth{Seeds: seeds("b")}}, "", "beside it"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := test.latch.Apply(test.request, epoch1)
			if test.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), test.refusal) {
					t.Errorf("got %v, want a refusal with %q", err, test.refusal)
				}
				if diff := cmp.Diff(test.latch, got); diff != "" {
					t.Errorf("a refusal has changed the latch (-before +after)\n%s", diff)
				}
				return
			}
			if err != nil || got.Seeds.Token+" "+got.ClusterID != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// A result that was too long for a hook tool's argument was printed.
func TestTheResultIsWhatWasSetOrPrinted(t *testing.T) {
	for _, test := range []struct {
		output map[string]any
		want   string
	}{
		{map[string]any{"status": "{}", "stdout": "noise"}, "{}"},
		{map[string]any{"stdout": `{"outcome":"Applied"}`, "return-code": 0}, `{"outcome":"Applied"}`},
		{map[string]any{"status": ""}, ""},
		{nil, ""},
	} {
		if got := v1alpha1.ResultText(test.output); got != test.want {
			t.Errorf("%v: %q", test.output, got)
		}
	}
}

// TestAnEntryOfTheJournalIsWrittenOnce: by compare-and-set on its number, and the others stay byte for byte, also what is not known of them.
func TestAnEntryOfTheJournalIsWrittenOnce(t *testing.T) {
	foreign := `{"procedure":"restore","id":"7","seq":3,"later":{"x":1}}`
	entry := func(phase string) *v1alpha1.JournalEntry {
		return &v1alpha1.JournalEntry{Procedure: "rotate", ID: "9", Phase: phase}
	}
	write := func(l v1alpha1.Latch, from int64, to *v1alpha1.JournalEntry) (v1alpha1.Latch, error) {
		return l.Apply(v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: "9", From: from, To: to}}, v1alpha1.Epoch{Number: 1})
	}
	l, err := write(v1alpha1.Latch{Journal: "[" + foreign + "]"}, 0, entry("a"))
	if err != nil || !strings.Contains(l.Journal, foreign) || !strings.Contains(l.Journal, `"seq":1`) {
		t.Fatalf("%v: %s", err, l.Journal)
	}
	if again, err := write(l, 0, entry("a")); err != nil || again.Journal != l.Journal {
		t.Errorf("the same again: %v, %s", err, again.Journal)
	}
	for name, c := range map[string]struct {
		from int64
		to   *v1alpha1.JournalEntry
	}{"another beginning": {0, entry("b")}, "from another number": {2, entry("b")}, "an end that was not seen": {5, nil}} {
		if got, err := write(l, c.from, c.to); err == nil || got.Journal != l.Journal {
			t.Errorf("%s is granted: %s", name, got.Journal)
		}
	}
	if _, err := l.Apply(v1alpha1.LatchRequest{Journal: &v1alpha1.JournalRequest{ID: "8", To: entry("a")}}, v1alpha1.Epoch{Number: 1}); err == nil {
		t.Error("an entry under another one's ID is granted")
	}
	next, err := write(l, 1, entry("b"))
	if err != nil || !strings.Contains(next.Journal, `"seq":2`) {
		t.Errorf("%v: %s", err, next.Journal)
	}
	end, err := write(next, 2, nil)
	if err != nil || end.Journal != "["+foreign+"]" {
		t.Errorf("%v: %s", err, end.Journal)
	}
	if again, err := write(end, 2, nil); err != nil || again.Journal != end.Journal {
		t.Errorf("an end again: %v, %s", err, again.Journal)
	}
}
