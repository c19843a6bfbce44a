package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"

	"jujuetcd.io/sim/netns"
	"jujuetcd.io/sim/server"
)

// apiPort is Juju's.
const apiPort = 17070

// listen takes a /24 of loopback addresses that no other instance has: whoever holds the API's port on its first address owns it.
func (i *instance) listen(recorder *server.Recorder) error {
	var err error
	for range 100 {
		// Not 127.0, which is full of other things.
		network := netip.AddrFrom4([4]byte{127, byte(16 + rand.IntN(200)), byte(rand.IntN(256)), 0})
		i.network = netip.PrefixFrom(network, 24)
		i.server, err = server.New(server.Options{
			Controller: i.controller, Address: netip.AddrPortFrom(network.Next(), apiPort).String(), Recorder: recorder, Uploads: i.uploads(),
			Log: i.options.Log,
		})
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return fmt.Errorf("cannot find free loopback addresses: %w", err)
}

// makeEthernet has one network for Juju's default space, and one for each further address of a machine.
func makeEthernet(o Options) (*netns.Ethernet, error) {
	networks := 1 + len(o.Spaces)
	if o.Public {
		networks++
	}
	e, err := netns.NewEthernet(networks)
	if err != nil {
		return nil, fmt.Errorf("cannot give machines networks of their own: %w", err)
	}
	return e, nil
}
