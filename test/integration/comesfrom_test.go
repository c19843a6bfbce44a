//go:build integration

package integration

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/sim/netns"
	"jujuetcd.io/test/rig"
)

// A machine has a second address, and prefers it for connections that it makes. Its member's peers
// refuse it: everybody serves, and only their logs tell. The address is its machine's own, so its
// certificate is made good for it, without a restart of ours, and nobody is refused any more.
func TestAMemberThatComesFromASecondAddressIsLetIn(t *testing.T) {
	runBeside(t)
	switch err := netns.Available(); {
	case errors.Is(err, netns.ErrNotRoot):
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	case err != nil:
		t.Fatalf("%v; make tools installs it", err)
	}
	w := begin(t, "--own-networks", "--update-status", "3s")
	w.daemon()
	w.deploy("3")
	w.await(rig.Healthy("etcd", 3))
	s, err := w.Status(w.ctx)
	must(t, err)
	address, err := netip.ParseAddr(s.Unit("etcd/1").PublicAddress)
	must(t, err)
	bytes := address.As4()
	bytes[3] += 100
	second := netip.AddrFrom4(bytes)
	network := netip.PrefixFrom(address, 24).Masked().String()
	for _, command := range []string{
		"ip address add " + second.String() + "/24 dev eth0",
		"ip route change " + network + " dev eth0 src " + second.String(),
		// Connections that there are keep the address that they were made from.
		"kill -9 $(systemctl show --property=MainPID snap.etcd.etcd | cut -d= -f2)",
	} {
		w.juju("exec", "--unit", "etcd/1", "--", command)
	}

	eventually(w.ctx, t, "a peer refuses it", func() bool { return w.refusals(s, second.String()) > 0 })
	// It may have been refused between the change of the route and its end.
	eventually(w.ctx, t, "it serves again", func() bool {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(address, 2379).String(), 2*time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	served := "https://" + address.String() + ":2379"
	eventually(w.ctx, t, "its certificate is good for the second address", func() bool {
		return slices.ContainsFunc(w.shown(t, served).IPAddresses, func(ip net.IP) bool {
			a, _ := netip.AddrFromSlice(ip)
			return a.Unmap() == second
		})
	})
	w.await(rig.All(rig.Healthy("etcd", 3), unsaid("etcd", "refuses")))
	// Each of its streams is tried again several times a second: in a window in which nobody is
	// refused all have been let in.
	last := w.refusals(s, second.String())
	ctx := w.within(quietWindow)
	<-ctx.Done()
	if now := w.refusals(s, second.String()); now != last {
		t.Errorf("%d refusals before the window, %d after it", last, now)
	}
	if other := w.shown(t, "https://"+s.Unit("etcd/0").PublicAddress+":2379"); len(other.IPAddresses) != 2 {
		t.Errorf("another unit's certificate is good for %v", other.IPAddresses)
	}
	w.oneMemberEach(t, "etcd0", "etcd1", "etcd2")
}

// quietWindow is long enough for a peer that is refused to have tried many times: etcd does so each
// 100 ms.
const quietWindow = 5 * time.Second

// refusals counts the lines of all units' etcd that report a refused peer from the address.
func (w *world) refusals(s rig.Status, address string) int {
	n := 0
	for _, unit := range s.UnitNames("etcd") {
		text, err := os.ReadFile(filepath.Join(w.MachineRoot(s.Unit(unit).Machine), "var/log/snap.etcd.etcd.log"))
		must(w.t, err)
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "rejected connection on peer endpoint") && strings.Contains(line, `"remote-addr":"`+address+":") {
				n++
			}
		}
	}
	return n
}
