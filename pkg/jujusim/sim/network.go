package sim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"

	"jujuetcd.io/pkg/jujusim/server"
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
			Controller: i.controller, Address: netip.AddrPortFrom(network.Next(), apiPort).String(), Recorder: recorder,
			Log: i.options.Log,
		})
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	return fmt.Errorf("cannot find free loopback addresses: %w", err)
}
