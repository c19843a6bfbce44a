package machine_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"jujuetcd.io/sim/fleet"
	"jujuetcd.io/sim/model"
	"jujuetcd.io/sim/netns"
)

func TestAPartitionIsRefusedWhereThereIsNothingToCut(t *testing.T) {
	w := newWorld(t)
	w.deploy(probe(t), "a", 1)
	w.settled("a/0")
	for _, verb := range []struct {
		name string
		do   func(string) error
	}{{"cut", w.fleet.Partition}, {"heal", w.fleet.HealPartition}} {
		for unit, want := range map[string]string{
			"a/0": "it has no network of its own: start jujusim as root, with --own-networks",
			"a/7": "unit a/7 not found",
		} {
			if err := verb.do(unit); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s %s: got %v, want %s", verb.name, unit, err, want)
			}
		}
	}
}

// Hooks and actions run in their machine's network, so that what one machine cannot reach, they cannot.
func TestAPartitionedMachineRunsOnAndIsBackWhenItIsHealed(t *testing.T) {
	switch err := netns.Available(); {
	case errors.Is(err, netns.ErrNotRoot):
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	case err != nil:
		t.Fatal(err)
	}
	ethernet, err := netns.NewEthernet(2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ethernet.Close)
	w := newWorldOf(t, model.Options{Spaces: []string{"peers"}}, func(o *fleet.Options) {
		o.Ethernet, o.Network, o.Spaces = ethernet, ethernet.Network(), []string{"peers"}
	})
	w.deploy(probe(t), "a", 2)
	w.settled("a/0", "a/1")
	for _, a := range []string{w.addressesOf("a/0")[0], w.addressesOf("a/1")[1]} {
		if !strings.HasPrefix(a, "198.1") {
			t.Errorf("a machine has address %s", a)
		}
	}
	w.listen("a/0")
	w.listen("a/1")
	for _, step := range []struct {
		name string
		do   func() error
		cut  bool
	}{
		{"before", func() error { return nil }, false},
		{"cut off", func() error { return w.fleet.Partition("a/1") }, true},
		{"booted meanwhile", func() error { return errors.Join(w.fleet.StopMachine("1"), w.fleet.StartMachine("1")) }, true},
		{"healed", func() error { return w.fleet.HealPartition("a/1") }, false},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			for from, to := range map[string]string{"a/0": "a/1", "a/1": "a/0"} {
				for _, address := range w.addressesOf(to) {
					task := w.exec(from, fmt.Sprintf("timeout 1 bash -c '</dev/tcp/%s/7777'", address))
					if reached := task.Output["return-code"] == 0; reached == step.cut {
						t.Errorf("%s to %s at %s: %v", from, to, address, task.Output)
					}
					c, err := net.DialTimeout("tcp", net.JoinHostPort(address, "7777"), time.Second)
					if err != nil {
						t.Errorf("this host to %s: %v", to, err)
						continue
					}
					_ = c.Close()
				}
			}
		})
	}
}

func (w *world) addressesOf(unit string) []string {
	w.t.Helper()
	u, err := w.Unit(unit)
	if err != nil {
		w.t.Fatal(err)
	}
	m, err := w.Machine(u.Machine)
	if err != nil {
		w.t.Fatal(err)
	}
	return m.Addresses
}

// listen has something listen on the unit's machine, in its network.
func (w *world) listen(unit string) {
	w.t.Helper()
	m, err := w.fleet.MachineOf(unit)
	if err != nil {
		w.t.Fatal(err)
	}
	listening := make(chan net.Listener)
	go netns.OnThread(func() {
		defer close(listening)
		if err := m.EnterNetwork()(); err != nil {
			w.t.Error(err)
			return
		}
		l, err := net.Listen("tcp", ":7777")
		if err != nil {
			w.t.Error(err)
			return
		}
		listening <- l
	})
	if l := <-listening; l != nil {
		w.t.Cleanup(func() { _ = l.Close() })
	}
}
