package netns

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

// maxNetworks is how many /24 an Ethernet may have, one beside the other: it owns that many addresses of those that RFC 2544 keeps for
// tests, which no network that a host is in should use.
const maxNetworks = 8

// Ethernet connects machines with each other and with this host, which has the first address in each of its networks.
type Ethernet struct {
	hub      *Namespace
	networks []netip.Prefix

	mu    sync.Mutex
	ports int
}

// NewEthernet makes one with that many networks, each a /24.
func NewEthernet(networks int) (*Ethernet, error) {
	if networks > maxNetworks {
		return nil, fmt.Errorf("cannot make %d networks: there is room for %d", networks, maxNetworks)
	}
	hub, err := New()
	if err != nil {
		return nil, err
	}
	e := &Ethernet{hub: hub}
	if err := e.connect(networks); err != nil {
		hub.Close()
		return nil, fmt.Errorf("cannot connect the network with this host: %w", err)
	}
	return e, nil
}

// connect makes the bridge, and the link to the host: whose name is the claim to its addresses, as only one can have it.
func (e *Ethernet) connect(networks int) error {
	if err := e.hub.Run("ip link add bridge type bridge", "ip link set bridge up"); err != nil {
		return err
	}
	var taken error
	for range 100 {
		low, high := 18+rand.IntN(2), maxNetworks*rand.IntN(256/maxNetworks)
		link := fmt.Sprintf("jujusim-%d-%d", low, high)
		// This process's number is that of its first thread, which may be in any namespace: so the host's is named by its file.
		taken = e.hub.Run(fmt.Sprintf("ip link add host type veth peer name %s netns /proc/%d/fd/%d", link, os.Getpid(), e.hub.host))
		if taken != nil {
			continue
		}
		for i := range networks {
			first := netip.AddrFrom4([4]byte{198, byte(low), byte(high + i), 0})
			e.networks = append(e.networks, netip.PrefixFrom(first, 24))
		}
		if err := e.configureHost(link); err != nil {
			return err
		}
		return e.plug("host")
	}
	return taken
}

// configureHost gives the host's end of the link its addresses. This program's other threads are on the host.
func (e *Ethernet) configureHost(link string) error {
	for _, network := range e.networks {
		if _, err := command(fmt.Sprintf("ip address add %s/24 dev %s", network.Addr().Next(), link)).run(); err != nil {
			return err
		}
	}
	_, err := command(fmt.Sprintf("ip link set %s up", link)).run()
	return err
}

// plugTime is far more than a bridge takes to let packets of a new link through: it looks whether links are up once a second.
const plugTime = 10 * time.Second

// plug makes a link, whose other end is up, one of the bridge's, and waits until it lets packets through.
func (e *Ethernet) plug(link string) error {
	if err := e.hub.Run("ip link set "+link+" master bridge", "ip link set "+link+" up"); err != nil {
		return err
	}
	deadline, tick := time.After(plugTime), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		out, err := e.hub.output("ip -details -oneline link show dev " + link)
		if err != nil || strings.Contains(out, " state forwarding ") {
			return err
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("cannot wait any longer for link %s to let packets through: %s", link, out)
		}
	}
}

// Network is the first of the networks; the others follow it.
func (e *Ethernet) Network() netip.Prefix { return e.networks[0] }

// Close gives the network up, and takes the link from the host.
func (e *Ethernet) Close() {
	// It would go by itself, but some time later.
	_ = e.hub.Run("ip link delete host")
	e.hub.Close()
}

// Port is a machine's place in an Ethernet: a namespace of the machine's own, for all of its processes.
type Port struct {
	*Namespace
	hosts []string

	mu  sync.Mutex
	cut bool
}

// Join makes a port.
func (e *Ethernet) Join() (*Port, error) {
	machine, err := New()
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	e.ports++
	link := fmt.Sprintf("port%d", e.ports)
	e.mu.Unlock()
	p := &Port{Namespace: machine}
	for _, network := range e.networks {
		p.hosts = append(p.hosts, network.Addr().Next().String())
	}
	err = machine.Run(fmt.Sprintf("ip link add eth0 type veth peer name %s netns /proc/%d/fd/%d", link, os.Getpid(), e.hub.fd),
		"ip link set eth0 up")
	if err == nil {
		err = e.plug(link)
	}
	if err != nil {
		machine.Close()
		return nil, fmt.Errorf("cannot connect a machine: %w", err)
	}
	return p, nil
}

// SetAddresses gives the machine these addresses, and no others.
func (p *Port) SetAddresses(addresses ...string) error {
	commands := []string{"ip address flush dev eth0"}
	for _, a := range addresses {
		commands = append(commands, fmt.Sprintf("ip address add %s/24 dev eth0", a))
	}
	return p.Run(commands...)
}

// Cut parts the machine from the other machines, in both directions: packets vanish, also those of connections that there are. It and
// the host reach each other as before. It does nothing to one that is cut off.
func (p *Port) Cut() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut {
		return nil
	}
	hosts := "{ " + strings.Join(p.hosts, ", ") + " }"
	err := p.Run(
		"nft add table ip cut",
		"nft add chain ip cut in { type filter hook input priority 0 ; }",
		"nft add chain ip cut out { type filter hook output priority 0 ; }",
		"nft add rule ip cut in iifname eth0 ip saddr != "+hosts+" drop",
		"nft add rule ip cut out oifname eth0 ip daddr != "+hosts+" drop",
	)
	if err != nil {
		_ = p.Run("nft delete table ip cut") // rather whole than half cut
		return err
	}
	p.cut = true
	return nil
}

// Mend ends Cut. It does nothing to a machine that is not cut off.
func (p *Port) Mend() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		return nil
	}
	if err := p.Run("nft delete table ip cut"); err != nil {
		return err
	}
	p.cut = false
	return nil
}
