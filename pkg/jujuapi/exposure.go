package jujuapi

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Exposure says from where the open ports of an endpoint can be reached from outside of the model.
type Exposure struct {
	Spaces []string
	CIDRs  []string
}

// EveryEndpoint is the name under which an exposure of all endpoints stands.
const EveryEndpoint = ""

// Everywhere is what an application is exposed to for which Juju reports no more than that it is.
var Everywhere = Exposure{CIDRs: []string{"0.0.0.0/0", "::/0"}}

// Covers says that every address of p is among the CIDRs. Of spaces it is not known.
func (e Exposure) Covers(p netip.Prefix) bool {
	return slices.ContainsFunc(e.CIDRs, func(text string) bool {
		have, err := netip.ParsePrefix(text)
		return err == nil && have.Bits() <= p.Bits() && have.Contains(p.Addr())
	})
}

// With is the exposure with CIDRs added.
func (e Exposure) With(cidrs ...string) Exposure {
	all := slices.Concat(e.CIDRs, cidrs)
	slices.Sort(all)
	return Exposure{Spaces: slices.Clone(e.Spaces), CIDRs: slices.Compact(all)}
}

func exposures(exposed bool, endpoints map[string]wire.ExposedEndpoint) map[string]Exposure {
	if !exposed {
		return nil
	}
	if len(endpoints) == 0 {
		return map[string]Exposure{EveryEndpoint: Everywhere}
	}
	all := make(map[string]Exposure, len(endpoints))
	for name, e := range endpoints {
		all[name] = Exposure{Spaces: e.ExposeToSpaces, CIDRs: e.ExposeToCIDRs}
	}
	return all
}

// Expose sets what an endpoint of an application is exposed to, in place of what it was. Other
// endpoints stay as they are.
func (c *Conn) Expose(ctx context.Context, application, endpoint string, to Exposure) error {
	params := wire.ApplicationExpose{Application: application, ExposedEndpoints: map[string]wire.ExposedEndpoint{
		endpoint: {ExposeToSpaces: to.Spaces, ExposeToCIDRs: to.CIDRs}}}
	return c.do(ctx, "Application", "Expose", params, nil)
}

// ExposeTo adds CIDRs to what an endpoint of an application is exposed to. Juju can only replace
// that, so it is read right before: what somebody else changes in this very moment may be undone.
func (s *Session) ExposeTo(ctx context.Context, application, endpoint string, cidrs []string) error {
	return s.with(ctx, func(ctx context.Context, c *Conn) error {
		infos, err := c.ApplicationsInfo(ctx, application)
		if err != nil {
			return err
		}
		if len(infos) != 1 {
			return fmt.Errorf("cannot expose %s: Juju tells of %d applications of this name", application, len(infos))
		}
		return c.Expose(ctx, application, endpoint, infos[0].Exposures[endpoint].With(cidrs...))
	})
}
