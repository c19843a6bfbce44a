package rig

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"jujuetcd.io/pkg/jujuapi"
	"jujuetcd.io/sim/netns"
)

// ClosedNetwork is a network namespace from which only the Juju API can be reached. Packets to etcd's client port vanish in
// it, as a cloud's security group has it, unless the application is exposed to the address of those who are in it.
type ClosedNetwork struct {
	*netns.Namespace
	stop  chan struct{}
	gates []net.Listener
	wait  sync.WaitGroup
}

// NewClosedNetwork makes the network, which follows what is exposed in the model. The rig's jujusim must run. Without root the error
// is netns.ErrNotRoot.
func (r *Rig) NewClosedNetwork(ctx context.Context, model string) (*ClosedNetwork, error) {
	target, err := jujuapi.Find(jujuapi.Explicit{}, r.getenv)
	if err != nil {
		return nil, fmt.Errorf("cannot find the Juju API: %w", err)
	}
	api, err := r.API(ctx, model)
	if err != nil {
		return nil, err
	}
	inner, err := netns.New()
	if err != nil {
		_ = api.Close()
		return nil, err
	}
	n := &ClosedNetwork{Namespace: inner, stop: make(chan struct{})}
	err = n.Run(
		"nft add table inet closed",
		"nft add chain inet closed out { type filter hook output priority 0 ; }",
		"nft add set inet closed holes { type ipv4_addr . inet_service ; }",
		"nft add rule inet closed out ip daddr . tcp dport @holes accept",
		"nft add rule inet closed out tcp dport 2379 drop",
	)
	if err == nil {
		err = n.open(target.Controller.Addresses)
	}
	if err != nil {
		_ = api.Close()
		n.Close()
		return nil, err
	}
	n.wait.Go(func() { n.firewall(api) })
	return n, nil
}

// open lets the Juju API in.
func (n *ClosedNetwork) open(addresses []string) error {
	return n.Inside(func() error {
		for _, address := range addresses {
			gate, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("cannot let the Juju API into the closed network: %w", err)
			}
			n.gates = append(n.gates, gate)
			n.wait.Go(func() { n.let(gate, address) })
		}
		return nil
	})
}

// let hands connections from inside on to the address outside: a listener stays in the network in which it was made, and
// whoever dials is in that of all other threads.
func (n *ClosedNetwork) let(gate net.Listener, address string) {
	for {
		in, err := gate.Accept()
		if err != nil {
			return
		}
		n.wait.Go(func() {
			defer in.Close()
			out, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer out.Close()
			both := make(chan struct{}, 2)
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1])
					both <- struct{}{}
				}()
			}
			passed := 2
			select {
			case <-both:
				passed--
			case <-n.stop:
			}
			_, _ = in.Close(), out.Close() // the copies end with them
			for range passed {
				<-both
			}
		})
	}
}

// StartDaemon is Rig.StartDaemon inside the network.
func (n *ClosedNetwork) StartDaemon(r *Rig, user, password, model string, args ...string) error {
	return n.Inside(func() error { return r.StartDaemon(user, password, model, args...) })
}

// Close cuts the network off from Juju and gives it up; it ends with the last process in it.
func (n *ClosedNetwork) Close() {
	close(n.stop)
	for _, gate := range n.gates {
		_ = gate.Close()
	}
	n.wait.Wait()
	n.Namespace.Close()
}
