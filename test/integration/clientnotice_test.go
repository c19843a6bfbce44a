//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/test/rig"
)

// A member goes when its clients have taken in that it does: when the hooks have run in which their charm reads the shorter list,
// however slow they are, and not much later where they are quick.
func TestAMemberStaysUntilItsClientsHaveTakenInThatItGoes(t *testing.T) {
	w := begin(t, jujusDelays)
	w.daemon()
	w.deploy("4")
	w.relateClient()
	w.await(rig.Healthy("etcd", 4))
	w.await(rig.UnitShows("etcdclient/0", "active", "4 endpoints"))
	quick := w.removeUnderNotice("etcd/3", 3)

	w.juju("config", "etcdclient", "slow=3")
	slow := w.removeUnderNotice("etcd/2", 2)
	if slow < 3*time.Second {
		t.Errorf("the member was gone after %s: the client's hooks take 3 s each", slow)
	}
	if quick > 20*time.Second || slow > 30*time.Second {
		t.Errorf("a member of a quick client went after %s, of a slow one after %s: both have run their hooks before 30 s", quick, slow)
	}
	t.Logf("from remove-unit to the end of the member: a quick client %.1f s, one whose hooks take 3 s each %.1f s", quick.Seconds(), slow.Seconds())
}

// removeUnderNotice removes a unit that does not lead, and fails the test if its member goes while the client still knows it. It returns
// when the member was gone.
func (w *world) removeUnderNotice(unit string, left int) time.Duration {
	w.t.Helper()
	config, endpoints := w.serving()
	s, err := w.Status(w.ctx)
	must(w.t, err)
	address := s.Unit(unit).PublicAddress
	stay := make([]string, 0, len(endpoints))
	for _, e := range endpoints {
		if !strings.Contains(e, address) {
			stay = append(stay, e)
		}
	}
	client, err := rig.Connect(config, stay...)
	must(w.t, err)
	defer client.Close()
	if !strings.Contains(w.takenIn(), address) {
		w.t.Fatalf("the client does not know %s of %s before it is removed: %s", address, unit, w.takenIn())
	}

	began := time.Now()
	w.juju("remove-unit", unit)
	seen := false
	eventually(w.ctx, w.t, unit+" is no member any more", func() bool {
		knows := strings.Contains(w.takenIn(), address) // read first: what is in the list now was there when the client knew
		ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
		defer cancel()
		list, err := client.MemberList(ctx)
		if err != nil {
			return false
		}
		seen = seen || !knows && len(list.Members) > left
		return len(list.Members) == left
	})
	took := time.Since(began)
	if !seen {
		w.t.Errorf("the member of %s was gone while the client still knew it", unit)
	}
	w.await(rig.Healthy("etcd", left))
	return took
}

// takenIn is the list of endpoints that the client's charm has written down.
func (w *world) takenIn() string {
	w.t.Helper()
	text, err := os.ReadFile(w.dbFile("etcdclient/0", "db"))
	must(w.t, err)
	var said map[string]string
	must(w.t, json.Unmarshal(text, &said))
	return said["connection_string"]
}
