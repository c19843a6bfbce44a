package server_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/profile"
	"jujuetcd.io/sim/server"
)

// Whoever may write can expose an endpoint to more than it is, and nothing that somebody else has exposed is taken back by it.
func TestASessionAddsToWhatIsExposed(t *testing.T) {
	for _, p := range []profile.Profile{profile.V36, profile.V40} {
		h, m := smallOf(t, p, server.Options{})
		session := func(user string) *jujuapi.Session {
			s := jujuapi.OpenModel(h.ctx, jujuapi.Controller{Addresses: []string{h.Address()}, CACert: h.CA(), Username: user, Password: password},
				jujuapi.ModelRef{Owner: "admin", Name: "demo", UUID: m.UUID}, jujuapi.Options{})
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		s := session("writer")
		must(t, m.Expose("etcd", map[string]model.Exposure{"cluster": {Spaces: []string{"alpha"}, CIDRs: []string{"10.0.0.1/32"}}}))
		must(t, s.ExposeTo(h.ctx, "etcd", "cluster", []string{"10.0.0.2/32"}))
		must(t, m.Expose("etcd", nil))
		must(t, s.ExposeTo(h.ctx, "etcd", "cluster", []string{"10.0.0.3/32"}))
		seen, err := s.Snapshot(h.ctx)
		must(t, err)
		want := map[string]jujuapi.Exposure{
			"cluster": {Spaces: []string{"alpha"}, CIDRs: []string{"10.0.0.1/32", "10.0.0.2/32", "10.0.0.3/32"}},
			"":        jujuapi.Everywhere,
		}
		if diff := cmp.Diff(want, seen.Applications["etcd"].Exposures); diff != "" {
			t.Errorf("exposed otherwise: %s", diff)
		}
		if local := s.State().LocalAddress; local != "127.0.0.1" {
			t.Errorf("connected from %q", local)
		}
		must(t, m.Unexpose("etcd", nil))
		must(t, s.ExposeTo(h.ctx, "etcd", "cluster", []string{"10.0.0.4/32"}))
		again, err := s.Snapshot(h.ctx)
		must(t, err)
		if diff := cmp.Diff(map[string]jujuapi.Exposure{"cluster": {CIDRs: []string{"10.0.0.4/32"}}}, again.Applications["etcd"].Exposures); diff != "" {
			t.Errorf("exposed after it was taken back: %s", diff)
		}
		h.login(t, m, "admin", password).call("Block", 2, "SwitchBlockOn", server.SwitchBlock{Type: "BlockChange"})
		if err := s.ExposeTo(h.ctx, "etcd", "cluster", []string{"10.0.0.5/32"}); !errors.Is(err, jujuapi.ErrBlocked) {
			t.Errorf("while changes are blocked: %v", err)
		}
		if err := session("reader").ExposeTo(h.ctx, "etcd", "cluster", []string{"10.0.0.4/32"}); !errors.Is(err, jujuapi.ErrPermissionDenied) {
			t.Errorf("a reader may expose: %v", err)
		}
		if err := s.ExposeTo(h.ctx, "kube", "db", []string{"10.0.0.4/32"}); !errors.Is(err, jujuapi.ErrNotFound) {
			t.Errorf("what is not there: %v", err)
		}
	}
}
