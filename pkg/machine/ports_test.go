package machine_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine"
)

// take listens at a port of the address that is free, as another process does.
func take(t *testing.T, address string) (port string, listener net.Listener) {
	t.Helper()
	listener, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port, listener
}

// at gives the spec an address with ports.
func at(spec *v1alpha1.EtcdUnitSpec, address, client, peer string) *v1alpha1.EtcdUnitSpec {
	e := &spec.Etcd
	e.AdvertiseClientURLs, e.AdvertisePeerURLs = []string{"https://" + address + ":" + client}, []string{"https://" + address + ":" + peer}
	e.ListenClientURLs, e.ListenPeerURLs = []string{"https://0.0.0.0:" + client}, []string{"https://0.0.0.0:" + peer}
	if e.Initial != nil {
		e.Initial.Members[0].PeerURL = e.AdvertisePeerURLs[0]
	}
	return spec
}

// Nobody is ready to join, and nothing is started, while another process has one of its ports.
func TestATakenPortIsSeenBeforeAMemberCountsOnIt(t *testing.T) {
	const address = "127.0.0.23"
	taken, listener := take(t, address)
	free, other := take(t, address)
	_ = other.Close()
	for name, ports := range map[string][2]string{"clients' port": {taken, free}, "peers' port": {free, taken}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			want := fmt.Sprintf("cannot start etcd: another process listens at %s:%s; end it, or choose another port", address, taken)
			for i, spec := range []*v1alpha1.EtcdUnitSpec{w.prepare(), w.start(v1alpha1.InitialExisting)} {
				status := w.apply(at(spec, address, ports[0], ports[1]), int64(i+1), v1alpha1.OutcomeFailed, v1alpha1.ReasonPortInUse)
				if status.Message != want {
					t.Errorf("message: %s, want %s", status.Message, want)
				}
			}
			if slices.Contains(w.calls, "start") {
				t.Errorf("started all the same: %v", w.calls)
			}
		})
	}
	_ = listener.Close()
	w := newWorld(t)
	w.apply(at(w.prepare(), address, taken, free), 1, v1alpha1.OutcomeApplied, "")
	w.apply(at(w.start(v1alpha1.InitialExisting), address, taken, free), 2, v1alpha1.OutcomeApplied, "")
	// What listens there now is one's own.
	var err error
	if listener, err = net.Listen("tcp", address+":"+taken); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	w.apply(at(w.member(), address, taken, free), 3, v1alpha1.OutcomeApplied, "")
}

// A first start that fails is tried again when the port is free, and not before.
func TestAStartThatFailedIsNotTriedWhileItsPortIsTaken(t *testing.T) {
	const address = "127.0.0.23"
	w := newWorld(t)
	free, listener := take(t, address)
	_ = listener.Close()
	w.crashes = true
	w.apply(at(w.start(v1alpha1.InitialExisting), address, free, "2380"), 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonStartFailed)
	listener, err := net.Listen("tcp", address+":"+free)
	if err != nil {
		t.Fatal(err)
	}
	before := len(w.calls)
	w.apply(at(w.start(v1alpha1.InitialExisting), address, free, "2380"), 2, v1alpha1.OutcomeFailed, v1alpha1.ReasonPortInUse)
	if slices.Contains(w.calls[before:], "start") {
		t.Errorf("started: %v", w.calls[before:])
	}
	_ = listener.Close()
	w.crashes = false
	w.apply(at(w.start(v1alpha1.InitialExisting), address, free, "2380"), 3, v1alpha1.OutcomeApplied, "")
}

func TestAFullDiskIsCalledOne(t *testing.T) {
	for _, err := range []error{
		fmt.Errorf("cannot write x: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}),
		fmt.Errorf("cannot write x: %w", syscall.EDQUOT),
		errors.New("cannot keep etcd running: it is failed: walpb: write /x: no space left on device"),
	} {
		if !machine.FullDisk(err) {
			t.Errorf("not called a full disk: %v", err)
		}
	}
	if machine.FullDisk(errors.New("cannot write x: permission denied")) {
		t.Error("another fault is called a full disk")
	}
}

// etcd reports it in its last words only.
func TestTheStatusReportsAFullDisk(t *testing.T) {
	const full = "the disk of this machine is full, free some space: "
	w := newWorld(t)
	w.crashes, w.lastWords = true, "write /var/snap/etcd/common/data/member/wal/0.tmp: no space left on device"
	status := w.apply(w.start(v1alpha1.InitialNew), 1, v1alpha1.OutcomeFailed, v1alpha1.ReasonDiskFull)
	if !strings.HasPrefix(status.Message, full) || !strings.Contains(status.Message, w.lastWords) {
		t.Errorf("message: %s", status.Message)
	}
}
