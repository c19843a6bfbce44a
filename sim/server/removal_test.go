package server_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// What is only to be tried says what would go, in the words of the recorded removal, and goes on.
func TestARemovalThatIsTriedRemovesNothing(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		h, m := smallOf(t, p, server.Options{})
		c := h.login(t, m, "writer", password)
		before := m.FullStatus()
		for _, tried := range []struct{ facade, method, params, want string }{
			{"Application", "DestroyApplication", `{"applications":[{"application-tag":"application-etcd","dry-run":true,"force":true}]}`,
				`{"results":[{"info":{"destroyed-units":[{"tag":"unit-etcd-0"}]}}]}`},
			{"Application", "DestroyUnit", `{"units":[{"unit-tag":"unit-etcd-0","dry-run":true,"force":true}]}`, `{"results":[{"info":{}}]}`},
			{"MachineManager", "DestroyMachineWithParams", `{"machine-tags":["machine-0"],"dry-run":true,"force":true}`,
				`{"results":[{"info":{"machine-id":"0","destroyed-units":[{"tag":"unit-etcd-0"}]}}]}`},
		} {
			versions := p.ModelFacades[tried.facade]
			r := c.call(tried.facade, versions[len(versions)-1], tried.method, json.RawMessage(tried.params))
			if r.Error != "" || string(r.Response) != tried.want {
				t.Errorf("%s on %s: got %s %s, want %s", tried.method, p.Name, r.Error, r.Response, tried.want)
			}
		}
		after := m.FullStatus()
		before.At, after.At = time.Time{}, time.Time{}
		if diff := cmp.Diff(before, after, cmp.AllowUnexported(model.Offer{})); diff != "" {
			t.Errorf("on %s something was removed (-before +after):\n%s", p.Name, diff)
		}
	}
}
