package planner

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
)

// ClientURL is where a unit's member serves with these options; the unit must have published its
// addresses.
func ClientURL(u v1alpha1.UnitAddresses, o v1alpha1.ClusterOptions) string {
	return httpsURL(u.Client, o.Port)
}

func httpsURL(host string, port int32) string {
	return "https://" + net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// PortOf is the port of a URL that ends with one; zero if it has none.
func PortOf(url string) int32 {
	i := strings.LastIndexByte(url, ':')
	port, err := strconv.ParseInt(url[i+1:], 10, 32)
	if i < 0 || err != nil {
		return 0
	}
	return int32(port)
}

// clientURL is where the unit's member is to serve.
func (in *addresses) clientURL(u observation.Unit) string {
	return ClientURL(u.Facts.Addresses, in.opts)
}

// servesAt is where the unit's member is to be found now: at its address, with the port that it
// shows, or, while nobody lists it, that its process has read. That is another than clientURL from
// a change of the option port until the member's restart.
func (in *addresses) servesAt(u observation.Unit) string {
	if u.Facts == nil { // they cannot be read now: its member says
		if m := in.member[u.Name]; len(m.ClientURLs) > 0 {
			return m.ClientURLs[0]
		}
		return ""
	}
	port := in.opts.Port
	if r := u.Facts.Running; r != nil && hasData(u) {
		port = cmp.Or(PortOf(r.ClientURL), port)
	}
	if m, ok := in.member[u.Name]; ok && len(m.ClientURLs) > 0 {
		port = cmp.Or(PortOf(m.ClientURLs[0]), port)
	}
	return httpsURL(u.Facts.Addresses.Client, port)
}

// peerURL is where the unit's peers are to find its member. One that is joining stays where it was
// added: etcd moves voters only. A seed begins where the seeds have it, or etcd would not start:
// from there it moves as any member does.
func (in *addresses) peerURL(u observation.Unit) string {
	if seed := in.unbornSeed(u); seed != "" {
		return seed
	}
	return httpsURL(u.Facts.Addresses.Peer, in.peerPort(u))
}

// unbornSeed is where the latched seeds have the unit, until the cluster is known to be born; empty
// if it is none of them.
func (in *addresses) unbornSeed(u observation.Unit) string {
	if in.Latch.ClusterID != "" || in.Latch.Seeds == nil {
		return ""
	}
	for _, s := range in.Latch.Seeds.Members {
		if s.Unit == u.Name {
			return s.PeerURL
		}
	}
	return ""
}

// silentSince is since when the unit's member has answered nowhere; zero while it does, or while
// that is not known.
func (in *addresses) silentSince(u observation.Unit) time.Time {
	return in.History.UnhealthySince[in.servesAt(u)]
}

// openPorts are the port at which the unit's member serves, and the one at which it is to: that is
// opened before the member moves there, and the old one closed when it has.
func (in *addresses) openPorts(u observation.Unit) []int32 {
	ports := []int32{in.opts.Port, PortOf(in.servesAt(u))}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// listenURL binds to all interfaces, of the address' own family, or to the endpoint's bind address.
func (in *addresses) listenURL(bind, ingress string, port int32) string {
	host := bind
	if host == "" {
		host = ingress
	}
	if in.opts.BindToAllInterfaces {
		v6 := net.ParseIP(ingress) != nil && net.ParseIP(ingress).To4() == nil
		host = "0.0.0.0"
		if v6 {
			host = "::"
		}
	}
	return httpsURL(host, port)
}

// listenClientURLs are where etcd listens for clients: the one for all, and, if that is wanted, one
// in clear for those on the machine itself.
func (in *addresses) listenClientURLs(u observation.Unit) []string {
	a := u.Facts.Addresses
	urls := []string{in.listenURL(a.ClientBind, a.Client, in.opts.Port)}
	if in.opts.BindWithInsecureHTTP {
		urls = append([]string{fmt.Sprintf("http://127.0.0.1:%d", options.InsecurePort)}, urls...)
	}
	return urls
}

// metricsURLs are where etcd serves its metrics beside the client port; none if the option is
// empty.
func (in *addresses) metricsURLs(u observation.Unit) []string {
	if in.opts.MetricsURL == "" {
		return nil
	}
	host := cmp.Or(u.Facts.Addresses.ClientBind, u.Facts.Addresses.Client)
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return []string{strings.Replace(strings.TrimSuffix(in.opts.MetricsURL, "/"), options.AddressPlaceholder, host, 1)}
}

// watched are the client URLs of the voters of units that stay, sorted. One that is down stays: if
// a monitor forgot it, nobody would know of it, and a quorum would be counted of those that are
// left. All units are informed, also one whose own member does not vote: Juju's leader may be the
// one that has just lost its disk.
func (in *addresses) watched() []string {
	var urls []string
	for _, u := range in.alive() {
		m, member := in.member[u.Name]
		switch {
		case in.Etcd.Listed && member && !m.Learner && m.Started():
			urls = append(urls, m.ClientURLs...)
		case !in.Etcd.Listed && hasData(u) && u.Facts.Addresses.Client != "":
			urls = append(urls, in.clientURL(u))
		}
	}
	slices.Sort(urls)
	return urls
}

// peersKnow says that the member list has the peer URL that the unit's member should have.
func (in *addresses) peersKnow(u observation.Unit) bool {
	return slices.Equal(in.member[u.Name].PeerURLs, []string{in.peerURL(u)})
}

// atAnotherAddress says that the unit's machine has another address than the one where its peers
// look for it.
func (in *addresses) atAnotherAddress(u observation.Unit) bool {
	return !slices.ContainsFunc(in.member[u.Name].PeerURLs, func(url string) bool {
		return url == httpsURL(u.Facts.Addresses.Peer, PortOf(url))
	})
}

// runsElsewhere says that the unit's member, as it runs, serves peers or clients elsewhere than it
// should, and that a restart would end that.
func (in *addresses) runsElsewhere(u observation.Unit) bool {
	r := u.Facts.Running
	return in.servesElsewhere(u) || r != nil && r.PeerURL != in.peerURL(u) && u.Facts.RestartPending
}

// servesElsewhere is the half of runsElsewhere that clients see.
func (in *addresses) servesElsewhere(u observation.Unit) bool {
	m, r := in.member[u.Name], u.Facts.Running
	return u.Facts.RestartPending && (len(m.ClientURLs) > 0 && !slices.Contains(m.ClientURLs, in.clientURL(u)) || r != nil && r.ClientURL != in.clientURL(u))
}
