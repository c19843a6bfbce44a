package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"jujuetcd.io/pkg/jujuapi"
)

// ErrNotRoot is why a daemon cannot be put into a network of its own.
var ErrNotRoot = errors.New("it takes root, ip and nft to give the daemon a network of its own")

// ClosedNetwork is a network namespace from which only the Juju API can be reached. Packets to etcd's client port vanish in
// it, as a cloud's security group has it, unless the application is exposed to the address of those who are in it.
type ClosedNetwork struct {
	orders chan func() error
	done   chan error
	ended  chan struct{}
	stop   chan struct{}
	gates  []net.Listener
	wait   sync.WaitGroup
}

// NewClosedNetwork makes the network, which follows what is exposed in the model. The rig's jujusim must run. Without root the error
// is ErrNotRoot.
func (r *Rig) NewClosedNetwork(ctx context.Context, model string) (*ClosedNetwork, error) {
	if os.Geteuid() != 0 {
		return nil, ErrNotRoot
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			// As root it is no reason to leave a test out: make tools installs it.
			return nil, fmt.Errorf("cannot close a network: %w (make tools installs it)", err)
		}
	}
	target, err := jujuapi.Find(jujuapi.Explicit{}, r.getenv)
	if err != nil {
		return nil, fmt.Errorf("cannot find the Juju API: %w", err)
	}
	api, err := r.API(ctx, model)
	if err != nil {
		return nil, err
	}
	n := &ClosedNetwork{orders: make(chan func() error), done: make(chan error), ended: make(chan struct{}), stop: make(chan struct{})}
	go n.live()
	err = n.inside(func() error {
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			return fmt.Errorf("%w: %w", ErrNotRoot, err)
		}
		for _, command := range []command{
			"ip link set lo up",
			"nft add table inet closed",
			"nft add chain inet closed out { type filter hook output priority 0 ; }",
			"nft add set inet closed holes { type ipv4_addr . inet_service ; }",
			"nft add rule inet closed out ip daddr . tcp dport @holes accept",
			"nft add rule inet closed out tcp dport 2379 drop",
		} {
			if err := command.run(); err != nil {
				return err
			}
		}
		for _, address := range target.Controller.Addresses {
			gate, err := net.Listen("tcp", address)
			if err != nil {
				return fmt.Errorf("cannot let the Juju API into the closed network: %w", err)
			}
			n.gates = append(n.gates, gate)
			n.wait.Go(func() { n.let(gate, address) })
		}
		return nil
	})
	if err != nil {
		_ = api.Close()
		n.Close()
		return nil, err
	}
	n.wait.Go(func() { n.firewall(api) })
	return n, nil
}

// command is a program with its arguments, separated by spaces.
type command string

func (c command) run() error {
	words := strings.Fields(string(c))
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot %s: %w: %s", c, err, out)
	}
	return nil
}

// live owns the one thread that is in the network. It is never given back: it ends with this goroutine.
func (n *ClosedNetwork) live() {
	runtime.LockOSThread()
	defer close(n.ended)
	for order := range n.orders {
		n.done <- order()
	}
}

func (n *ClosedNetwork) inside(order func() error) error {
	n.orders <- order
	return <-n.done
}

// let hands connections from inside on to the address outside: a listener stays in the network in which it was made, and
// whoever dials is in that of all other threads.
func (n *ClosedNetwork) let(gate net.Listener, address string) {
	for {
		in, err := gate.Accept()
		if err != nil {
			return
		}
		n.wait.Go(func() {
			defer in.Close()
			out, err := net.Dial("tcp", address)
			if err != nil {
				return
			}
			defer out.Close()
			both := make(chan struct{}, 2)
			for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					_, _ = io.Copy(way[0], way[1])
					both <- struct{}{}
				}()
			}
			passed := 2
			select {
			case <-both:
				passed--
			case <-n.stop:
			}
			_, _ = in.Close(), out.Close() // the copies end with them
			for range passed {
				<-both
			}
		})
	}
}

// StartDaemon is Rig.StartDaemon inside the network.
func (n *ClosedNetwork) StartDaemon(r *Rig, user, password, model string, args ...string) error {
	return n.inside(func() error { return r.StartDaemon(user, password, model, args...) })
}

// Close cuts the network off from Juju and gives it up; it ends with the last process in it.
func (n *ClosedNetwork) Close() {
	close(n.stop)
	for _, gate := range n.gates {
		_ = gate.Close()
	}
	n.wait.Wait()
	close(n.orders)
	<-n.ended
}
