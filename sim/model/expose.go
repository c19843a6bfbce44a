package model

import (
	"maps"
	"net"
	"slices"
)

// Exposure says from where the ports of an endpoint can be reached from outside of the model.
type Exposure struct{ Spaces, CIDRs []string }

// everywhere is what an endpoint is exposed to for which nothing is said.
var everywhere = Exposure{CIDRs: []string{"0.0.0.0/0", "::/0"}}

// Expose sets what endpoints are exposed to; "" means all of them. Others stay as they are. No endpoints at all means all of them,
// and everywhere.
func (m *Model) Expose(name string, endpoints map[string]Exposure) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return errorf(NotFound, "application %q not found", name)
	}
	if len(endpoints) == 0 {
		endpoints = map[string]Exposure{"": everywhere}
	}
	merged := maps.Clone(a.exposed)
	if merged == nil {
		merged = map[string]Exposure{}
	}
	for _, endpoint := range slices.Sorted(maps.Keys(endpoints)) {
		if err := a.checkEndpoint(endpoint); err != nil {
			return err
		}
		e := endpoints[endpoint]
		for _, space := range e.Spaces {
			if space != DefaultSpace && !slices.Contains(m.spaces, space) {
				return errorf(NotFound, "space %q not found", space)
			}
		}
		for _, cidr := range e.CIDRs {
			if _, _, err := net.ParseCIDR(cidr); err != nil {
				return errorf(NoCode, "unable to parse %q as a CIDR: %v", cidr, err)
			}
		}
		if len(e.Spaces)+len(e.CIDRs) == 0 {
			e = everywhere
		}
		merged[endpoint] = Exposure{Spaces: unique(e.Spaces), CIDRs: unique(e.CIDRs)}
	}
	a.exposed = merged
	m.bump()
	return nil
}

// Unexpose takes back what the endpoints are exposed to; none means all.
func (m *Model) Unexpose(name string, endpoints []string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.applications[name]
	if !ok {
		return errorf(NotFound, "application %q not found", name)
	}
	left := maps.Clone(a.exposed)
	if len(endpoints) == 0 {
		clear(left)
	}
	for _, endpoint := range endpoints {
		if err := a.checkEndpoint(endpoint); err != nil {
			return err
		}
		if _, exposed := left[endpoint]; !exposed {
			return errorf(BadRequest, "endpoint %q is not exposed", endpoint)
		}
		delete(left, endpoint)
	}
	a.exposed = left
	m.bump()
	return nil
}

func (a *application) checkEndpoint(endpoint string) error {
	if endpoint != "" && !slices.Contains(a.charm.Bindings(), endpoint) {
		return errorf(NotFound, "endpoint %q not found", endpoint)
	}
	return nil
}

func unique(list []string) []string { return slices.Compact(slices.Sorted(slices.Values(list))) }
