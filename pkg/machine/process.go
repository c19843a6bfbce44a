package machine

import (
	"cmp"
	"net"
	"net/url"

	"golang.org/x/sys/unix"

	"jujuetcd.io/pkg/machine/record"
	"jujuetcd.io/pkg/machine/service"
)

// monotonic is the time since boot in microseconds, by the clock that systemd uses; zero where
// there is none.
func monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return 0
	}
	return t.Nano() / 1000
}

// process brings the record up to date with the process that runs now, in memory only: which it is,
// and which configuration it has read.
func (a *application) process(state service.State) {
	a.record.Process = runsWith(a.record, state, a.boot)
}

// runsWith says which configuration a process has read. One that we know, by its number and start,
// is remembered; one that was started since the configuration on disk was there for certain has
// read that. Of any other we only know what the one before it had.
func runsWith(r record.Record, state service.State, boot string) record.Process {
	if !state.Running() {
		return record.Process{Hash: r.Process.Hash, Read: r.Process.Read}
	}
	now := record.Process{PID: state.PID, Started: state.Started, Boot: boot, Hash: r.Process.Hash, Read: r.Process.Read}
	known := r.Process
	if known.PID == now.PID && known.Started == now.Started && known.Boot == now.Boot {
		return known
	}
	if r.Config.Since != 0 && (r.Config.Boot != boot || state.Started > r.Config.Since) {
		now.Hash, now.Read = r.Config.Hash, r.Config.Reads
	}
	return now
}

// withAuthorities adds whom the process trusts: one that runs with what is on disk has read the
// bundle on disk. Before that changes it is recorded. Of one that an agent of before has let run on
// under another bundle nothing is known.
func withAuthorities(p record.Process, onDisk record.Config, authorities []string) record.Process {
	if len(p.Read.CA) == 0 && p.Hash != "" && p.Hash == onDisk.Hash {
		p.Read.CA = authorities
	}
	return p
}

// ownURL is where the unit's own etcd serves clients: at the unit's address, on the port that the
// running process has read, which is not the spec's until it is restarted. The address that it has
// read may be gone: a machine that boots with another one has a process that listens there all the
// same. Nothing relies on a listener on the loopback.
func ownURL(r record.Record) string {
	read := r.Process.Read.ClientURL
	if r.Spec == nil {
		return read
	}
	wanted := r.Spec.ReadAtStart().ClientURL
	at, err := url.Parse(wanted)
	runs, rerr := url.Parse(read)
	if err != nil || rerr != nil || wanted == "" || read == "" {
		return cmp.Or(wanted, read)
	}
	at.Host = net.JoinHostPort(at.Hostname(), runs.Port())
	return at.String()
}

// outdated says that the process runs with another configuration than the one on disk.
func outdated(r record.Record) bool {
	return r.Process.PID != 0 && r.Config.Hash != "" && r.Process.Hash != r.Config.Hash
}
