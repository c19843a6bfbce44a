package etcdops_test

import (
	"encoding/json"
	"strings"
	"testing"

	"jujuetcd.io/pkg/etcdops"
)

// FuzzView: a view that a unit has sent, whatever is in it, decides nothing without a list, removes
// no last voter, and adds nobody to a cluster that is not whole; and words are made of it.
func FuzzView(f *testing.F) {
	for _, w := range []world{{voters: ups(3, 0)}, {voters: ups(3, 1), learners: []bool{true}}, {voters: ups(1, 0), unstartedVoter: true}, {unlisted: true}} {
		text, err := json.Marshal(w.view())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`null`))
	f.Add([]byte(`{"listed":true,"members":[null,{"id":"1","peerURLs":null}],"health":{"":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var v etcdops.View
		if json.Unmarshal(text, &v) != nil {
			return
		}
		voters := len(v.Voters())
		for _, m := range v.Members {
			if etcdops.CanStop(v, m.ID) == nil && !v.Listed {
				t.Error("stopped without a list")
			}
			if etcdops.CanRemove(v, m.ID) == nil && (!v.Listed || !m.Learner && voters < 2) {
				t.Errorf("removed the last of %d", voters)
			}
			etcdops.UnitWords(v, etcdops.Ref{ID: m.ID}, etcdops.PhaseServing)
		}
		if etcdops.CanAdd(v) == nil && (!v.Listed || len(v.HealthyVoters()) < voters || len(v.Learners()) > 0) {
			t.Error("added to a cluster that is not whole")
		}
		words := etcdops.ApplicationWords(v, []string{"etcd/0", "etcd/1"}, "")
		if words.State == "" || words.Message == "" {
			t.Errorf("no words: %+v", words)
		}
	})
}

// FuzzLockHolder: who holds the lock is said in one sentence, whatever stands in the key.
func FuzzLockHolder(f *testing.F) {
	f.Add([]byte(`{"holder":"jujuetcd d","purpose":"Promote","since":"2026-11-22T10:00:00Z"}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"holder":"a\nb","since":"0000-01-01T00:00:00Z"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var h etcdops.LockHolder
		if json.Unmarshal(text, &h) != nil {
			return
		}
		if !strings.Contains((&etcdops.LockedError{LockHolder: h}).Error(), "holds the lock") {
			t.Error("nobody is said to hold the lock")
		}
	})
}

// FuzzIDs: an ID that is read is the same after it was written.
func FuzzIDs(f *testing.F) {
	f.Add("00000000000000a1")
	f.Add("0xA1")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := etcdops.ParseMemberID(text)
		if err != nil {
			return
		}
		if again, err := etcdops.ParseMemberID(id.String()); err != nil || again != id {
			t.Errorf("%q is %s, then %s: %v", text, id, again, err)
		}
	})
}
