package machine

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Interface is one of the machine's network interfaces that is up.
type Interface struct {
	Name      string
	Addresses []netip.Addr
	// Bridge says that it connects others: containers, virtual machines.
	Bridge bool
}

// virtual begin the names of interfaces that lead to what runs on the machine itself, or through a
// tunnel: what connects from there does not come from this machine, or not as its peers see it.
var virtual = []string{
	"lo", "lxdbr", "lxcbr", "docker", "br-", "virbr", "vnet", "fan", "ftun", "veth", "cni", "flannel", "cali", "cilium", "lxc", "weave",
	"kube", "nodelocaldns", "podman", "vxlan", "genev", "tun", "tap", "wg", "ipip", "sit", "dummy", "tailscale", "zt",
}

// maxAddresses bounds what a unit reports of its machine.
const maxAddresses = 16

// Interfaces are the machine's, as its kernel has them; none where that cannot be known.
func Interfaces() []Interface {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []Interface
	for _, i := range all {
		addresses, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 || i.Flags&(net.FlagLoopback|net.FlagPointToPoint) != 0 {
			continue
		}
		_, err = os.Stat(filepath.Join("/sys/class/net", i.Name, "bridge"))
		one := Interface{Name: i.Name, Bridge: err == nil}
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil {
				one.Addresses = append(one.Addresses, prefix.Addr())
			}
		}
		found = append(found, one)
	}
	return found
}

// ownAddresses are those that peers may see this machine come from, sorted: never those of bridges,
// of virtual interfaces or of the loopback. IPv6 addresses count where they are made of no passing
// number: those change by themselves, and facts hold nothing that does.
func ownAddresses(all []Interface) []string {
	var own []string
	for _, i := range all {
		if i.Bridge || slices.ContainsFunc(virtual, func(prefix string) bool { return strings.HasPrefix(i.Name, prefix) }) {
			continue
		}
		for _, a := range i.Addresses {
			a = a.Unmap().WithZone("")
			if a.IsGlobalUnicast() && (a.Is4() || steady(a)) {
				own = append(own, a.String())
			}
		}
	}
	slices.Sort(own)
	own = slices.Compact(own)
	return own[:min(len(own), maxAddresses)]
}

// steady says that an IPv6 address is one that somebody has given, or that is made of the
// interface's hardware address: RFC 8981 makes others anew each day.
func steady(a netip.Addr) bool {
	b := a.As16()
	given := b[8] == 0 && b[9] == 0 && b[10] == 0 && b[11] == 0
	return given || b[11] == 0xff && b[12] == 0xfe
}
