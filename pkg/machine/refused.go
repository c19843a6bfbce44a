package machine

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// How much of etcd's log is looked at for peers that were refused.
const (
	refusedLines  = 200
	refusedWindow = 10 * time.Minute
	maxRefused    = 8
)

// Refused are the addresses, sorted, from which peers have lately come that etcd did not let in
// because their certificate, of an authority that it trusts, is not good for the address. Nobody
// else notices: what the refused peer sends on connections that this one has made to it arrives.
// None is reported where the log cannot be read.
func (m *Machine) Refused(ctx context.Context) []string {
	lines, err := m.snapd.Logs(ctx, SnapName, refusedLines)
	if err != nil {
		return nil
	}
	var from []string
	for _, line := range lines {
		at, err := time.Parse(time.RFC3339Nano, line.Timestamp)
		if err != nil || m.o.Now().Sub(at) > refusedWindow {
			continue
		}
		if address := refusedIn(line.Message); address != "" {
			from = append(from, address)
		}
	}
	slices.Sort(from)
	from = slices.Compact(from)
	return from[:min(len(from), maxRefused)]
}

// refusedIn is the address of a peer that a line of etcd's log says is refused for its
// certificate's names; empty if it reports none. etcd 3.4 and 3.5 do not say at which endpoint; at
// that of clients they do not ask for names.
func refusedIn(line string) string {
	var entry struct {
		Msg    string `json:"msg"`
		Remote string `json:"remote-addr"`
		Error  string `json:"error"`
	}
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "rejected connection" && entry.Msg != "rejected connection on peer endpoint" {
		return ""
	}
	// The two ends of etcd's checkCertSAN: with names in the certificate, and with addresses alone.
	if !strings.Contains(entry.Error, "does not match any of DNSNames") && !strings.Contains(entry.Error, "certificate is valid for") {
		return ""
	}
	host, _, err := net.SplitHostPort(entry.Remote)
	if err != nil {
		return ""
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	return address.Unmap().WithZone("").String()
}
