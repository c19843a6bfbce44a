package rig

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/jujuapi"
)

// outside is the address from which processes in a closed network connect to anything.
var outside = netip.PrefixFrom(netip.MustParseAddr("127.0.0.1"), 32)

// firewall does what a cloud does with what Juju says is exposed: the ports that units have open can be reached from the closed
// network while, and only while, their application is exposed to its address. Ports are opened for all endpoints, and an exposure of
// any endpoint that the charm has lets those through.
func (n *ClosedNetwork) firewall(api *API) {
	defer api.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n.wait.Go(func() { <-n.stop; cancel() })
	holes := map[hole]net.Listener{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		if model, err := api.FullStatus(ctx, api.Model); err == nil {
			n.follow(holes, exposed(model))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	n.follow(holes, nil)
}

// hole is a port of an address that lets packets through.
type hole struct{ host, port string }

func (h hole) String() string { return net.JoinHostPort(h.host, h.port) }

// exposed are the ports that may be reached.
func exposed(model *jujuapi.Model) map[hole]bool {
	want := map[hole]bool{}
	for _, a := range model.Applications {
		if !slices.ContainsFunc(slices.Collect(maps.Values(a.Exposures)), func(e jujuapi.Exposure) bool { return e.Covers(outside) }) {
			continue
		}
		for _, u := range a.Units {
			for _, opened := range u.OpenedPorts {
				if port, tcp := strings.CutSuffix(opened, "/tcp"); tcp && u.PublicAddress != "" {
					want[hole{u.PublicAddress, port}] = true
				}
			}
		}
	}
	return want
}

// follow opens and closes holes until they are those that are wanted; what fails is tried again the next time.
func (n *ClosedNetwork) follow(holes map[hole]net.Listener, want map[hole]bool) {
	for h, listener := range holes {
		if !want[h] && n.Run(h.element("delete")) == nil {
			_ = listener.Close()
			delete(holes, h)
		}
	}
	for h := range want {
		if holes[h] != nil {
			continue
		}
		var listener net.Listener
		err := n.Inside(func() (err error) { listener, err = net.Listen("tcp", h.String()); return err })
		if err != nil {
			continue
		}
		if err := n.Run(h.element("add")); err != nil {
			_ = listener.Close()
			continue
		}
		holes[h] = listener
		n.wait.Go(func() { n.let(listener, h.String()) })
	}
}

func (h hole) element(verb string) string {
	return fmt.Sprintf("nft %s element inet closed holes { %s . %s }", verb, h.host, h.port)
}
