package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/reconcile/observation"
	"jujuetcd.io/pkg/reconcile/options"
)

// etcd's own quota where none is set.
const defaultQuota = 2 << 30

// choose decides on the options that the cluster is to run with: what the user asks for, where that
// is good, else the last good values, which are those that units have applied. While the cluster is
// being born its seeds stay with what they were handed.
func (in *choice) choose() {
	last, known := lastApplied(in.Units)
	in.opts, in.faults = in.Options.OrLast(last).ClusterOptions, slices.Clone(in.Options.Faults)
	in.unsure = in.Latch.Seeds != nil && !known && len(in.Options.Bad) > 0
	switch {
	case in.Latch.Seeds == nil:
	case in.Latch.ClusterID == "" && known:
		in.opts = last
	default:
		refuse := func(option, format string, args ...any) {
			if slices.Contains(in.Options.Bad, option) {
				return // its fault is reported already, and its last good value is in its place
			}
			in.faults = append(in.faults, fmt.Sprintf(format, args...))
			in.opts = options.Options{ClusterOptions: in.opts, Bad: []string{option}}.OrLast(last).ClusterOptions
		}
		in.refuseTakenPorts(refuse)
		in.refuseUselessSuites(refuse)
		in.refuseFullQuota(last, refuse)
		in.refuseV2Channel(refuse)
	}
}

// lastApplied are the options of the newest delivery that a unit has applied.
func lastApplied(units []observation.Unit) (v1alpha1.ClusterOptions, bool) {
	var newest *v1alpha1.AppliedFacts
	for _, u := range units {
		if u.Facts == nil || u.Facts.Applied == nil || u.Facts.Applied.Options == nil {
			continue
		}
		a := u.Facts.Applied
		if newest == nil || cmp.Or(cmp.Compare(a.Epoch, newest.Epoch), cmp.Compare(a.Action, newest.Action)) > 0 {
			newest = a
		}
	}
	if newest == nil {
		return options.Default().ClusterOptions, false
	}
	return *newest.Options.DeepCopy(), true
}

// refuseTakenPorts: a port that has been for one use cannot be for another one at once. A client
// that has not heard of the change would find peers where it looks for etcd, which do not refuse it
// but answer that they do not know what it asks for, and no client tries another member then.
func (in *choice) refuseTakenPorts(refuse func(option, format string, args ...any)) {
	clients, peers := in.portsInUse()
	o := in.opts
	if slices.Contains(peers, o.Port) {
		refuse("port", "Option port is %d, where members talk to each other now; change management_port first, and port when all of "+
			"them have left it.", o.Port)
	}
	if slices.Contains(clients, o.ManagementPort) {
		refuse("management_port", "Option management_port is %d, where members serve clients now; change port first, and "+
			"management_port when all of them have left it.", o.ManagementPort)
	}
	if port := options.MetricsPort(o.MetricsURL); port != 0 && (slices.Contains(clients, port) || slices.Contains(peers, port)) {
		refuse("metrics_url", "Option metrics_url is %s, and members use that port for something else now; it can be had when all of "+
			"them have left it.", o.MetricsURL)
	}
}

// portsInUse are those on which members serve clients and peers now.
func (in *choice) portsInUse() (clients, peers []int32) {
	for _, m := range in.Etcd.Members {
		for _, url := range m.ClientURLs {
			clients = append(clients, PortOf(url))
		}
		for _, url := range m.PeerURLs {
			peers = append(peers, PortOf(url))
		}
	}
	for _, u := range in.Units {
		if u.Facts != nil && u.Facts.Running != nil && hasData(u) {
			clients, peers = append(clients, PortOf(u.Facts.Running.ClientURL)), append(peers, PortOf(u.Facts.Running.PeerURL))
		}
	}
	return clients, peers
}

// refuseUselessSuites: a server's key decides which of the suites it can serve. Without any, only
// TLS 1.3 would be left.
func (in *choice) refuseUselessSuites(refuse func(option, format string, args ...any)) {
	if len(in.opts.CipherSuites) == 0 {
		return
	}
	for _, u := range in.alive() {
		if u.Facts == nil || u.Facts.Certificates.Server == nil {
			continue
		}
		kind := ""
		switch u.Facts.Certificates.Server.Key {
		case "RSA":
			kind = "RSA"
		case "ECDSA", "Ed25519":
			kind = "ECDSA"
		default:
			continue
		}
		if !slices.ContainsFunc(in.opts.CipherSuites, func(s string) bool { return strings.Contains(s, "_"+kind+"_") }) {
			refuse("tls_cipher_suites", "Option tls_cipher_suites has none for the %s key of %s's certificate; add "+
				"TLS_ECDHE_%s_WITH_AES_128_GCM_SHA256.", u.Facts.Certificates.Server.Key, u.Name, kind)
			return
		}
	}
}

// refuseFullQuota: a member whose database is larger than a new quota raises the alarm with the
// next write, and nothing can be written any more. A quota that the database has outgrown since is
// no fault of the option.
func (in *choice) refuseFullQuota(last v1alpha1.ClusterOptions, refuse func(option, format string, args ...any)) {
	quota := cmp.Or(in.opts.QuotaBackendBytes, int64(defaultQuota))
	if quota >= cmp.Or(last.QuotaBackendBytes, int64(defaultQuota)) {
		return
	}
	for _, m := range in.Etcd.Members {
		if size := in.Etcd.HealthOf(m).DBSize; size >= quota {
			refuse("quota_backend_bytes", "Option quota_backend_bytes stands for %d bytes, and the database of %s has more; choose more, "+
				"or compact and defragment it first.", quota, label(m))
			return
		}
	}
}

// runsWithAnotherPair says that a restart of the unit's member would change its heartbeat interval
// or election timeout.
func (in *addresses) runsWithAnotherPair(u observation.Unit) bool {
	heartbeat, election := in.pair()
	r := u.Facts.Running
	return r != nil && (r.HeartbeatIntervalMs != heartbeat || r.ElectionTimeoutMs != election)
}

// pair is the heartbeat interval and election timeout that the cluster is to run with next. An
// election timeout is at least five heartbeats in each member, and must be so between any two:
// whoever leads, with whatever heartbeat, nobody may take its silence for its end. Where the
// members that run could not all live beside one with the wanted pair, they go to the shorter
// heartbeat and the longer timeout first, which every one of them can live beside, and from there
// to the wanted pair.
func (in *addresses) pair() (heartbeat, election int32) {
	heartbeat, election = in.opts.HeartbeatIntervalMs, in.opts.ElectionTimeoutMs
	beat, timeout, fits := heartbeat, election, true
	for _, u := range in.Units {
		if u.Facts == nil || u.Facts.Running == nil || !hasData(u) {
			continue
		}
		r := u.Facts.Running
		if r.HeartbeatIntervalMs <= 0 || r.ElectionTimeoutMs <= 0 {
			continue
		}
		fits = fits && election >= options.BeatsInElection*r.HeartbeatIntervalMs && r.ElectionTimeoutMs >= options.BeatsInElection*heartbeat
		beat, timeout = min(beat, r.HeartbeatIntervalMs), max(timeout, r.ElectionTimeoutMs)
	}
	if fits {
		return heartbeat, election
	}
	return beat, timeout
}
