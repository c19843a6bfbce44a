//go:build integration

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/test/rig"
)

// inNamespace says in the environment that the process has a network of its own.
const inNamespace = "JUJUETCD_TEST_IN_NAMESPACE"

// Where machines have only IPv6 addresses the cluster is born, grows and serves on these: in URLs
// in brackets, in certificates without.
//
// Loopback has one IPv6 address, and a machine of jujusim takes one of its own: the test runs
// itself again in a network namespace that has them.
func TestAClusterLivesOnIPv6Alone(t *testing.T) {
	if os.Getenv(inNamespace) == "" {
		runInNamespace(t)
		return
	}
	ip := func(command string) error {
		out, err := exec.CommandContext(t.Context(), "ip", strings.Fields(command)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("cannot ip %s: %w: %s", command, err, out)
		}
		return nil
	}
	must(t, ip("link set lo up"))
	for host := 10; host < 20; host++ {
		address := fmt.Sprintf("fd77::%x", host)
		must(t, ip("-6 address add "+address+"/128 dev lo nodad"))
		// All machines share one network: connections to one of them would seem to come from
		// itself, and etcd asks that a peer's certificate is good for where it comes from. From ::1
		// then, as 127.x.y.z is reached from 127.0.0.1. The kernel adds its own route a moment
		// after the address.
		eventually(t.Context(), t, "the kernel's route to "+address+" is there", func() bool {
			return ip("-6 route delete local "+address+" dev lo table local") == nil
		})
		must(t, ip("-6 route add local "+address+" dev lo table local src ::1"))
	}
	w := begin(t, "--machine-network", "fd77::/64")
	w.daemon()
	w.deploy("3")
	w.relateClient()
	w.juju("integrate", "etcd:proxy", "etcdclient:proxy")
	w.await(rig.Healthy("etcd", 3))
	c := w.startDBClient()
	c.awaitEndpoints(w, 3)
	w.juju("add-unit", "etcd")
	w.await(rig.Healthy("etcd", 4))
	c.awaitEndpoints(w, 4)
	c.lap(t, "3 -> 4 on IPv6")

	var urls, cluster []string
	for _, m := range c.members(w) {
		urls, cluster = append(urls, m.ClientURLs...), append(cluster, m.Name+"="+m.PeerURLs[0])
		if !strings.HasPrefix(m.PeerURLs[0], "https://[fd77::") || !strings.HasSuffix(m.PeerURLs[0], "]:2380") {
			t.Errorf("%s has the peer URL %s", m.Name, m.PeerURLs[0])
		}
	}
	slices.Sort(urls)
	slices.Sort(cluster)
	if c.list() != strings.Join(urls, ",") {
		t.Errorf("clients are given %s; the members serve at %s", c.list(), urls)
	}
	eventually(w.ctx, t, "the proxy is given the same members", func() bool {
		return w.said("etcdclient/0", "proxy")["cluster"] == strings.Join(cluster, ",")
	})
	t.Logf("clients: %s; proxies: %s", c.list(), strings.Join(cluster, ","))
}

// runInNamespace runs the test again in a network of its own.
func runInNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it was not run: it takes root to make a network namespace with IPv6 addresses")
	}
	for _, tool := range []string{"ip", "unshare"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("cannot make a network namespace: there is no %s here; make tools installs it", tool)
		}
	}
	t.Parallel()
	program, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), "unshare", "--net", program, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inNamespace+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("in a network namespace:\n%s", out)
	if err != nil {
		t.Errorf("it failed there: %v", err)
	}
}
