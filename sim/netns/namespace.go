package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// ErrNotRoot is why a network cannot be made.
var ErrNotRoot = errors.New("it takes root")

// Available says why networks cannot be made here: ErrNotRoot, or what is missing.
func Available() error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	for _, tool := range []string{"ip", "nft"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w (packages iproute2 and nftables have ip and nft)", err)
		}
	}
	return nil
}

// Namespace is a network namespace.
type Namespace struct {
	orders chan func() error
	done   chan error
	ended  chan struct{}
	once   sync.Once
	fd     int // of the namespace, for Enter
	host   int // of the one that New was called in
}

// New makes a namespace, with nothing in it but its loopback.
func New() (*Namespace, error) {
	if err := Available(); err != nil {
		return nil, fmt.Errorf("cannot make a network: %w", err)
	}
	n := &Namespace{orders: make(chan func() error), done: make(chan error), ended: make(chan struct{}), fd: -1, host: -1}
	go OnThread(n.live)
	if err := n.Inside(n.begin); err != nil {
		n.Close()
		return nil, fmt.Errorf("cannot make a network: %w", err)
	}
	return n, nil
}

// OnThread runs what changes its thread on one that is not the program's first, and that ends with it.
//
// The first one never ends, nor do the networks that it is in, and /proc shows its network as that of the whole program.
func OnThread(run func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		run() // never unlocked: the thread ends with this goroutine
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		OnThread(run) // on another one, as this one is held
	}()
	<-ended
	runtime.UnlockOSThread()
}

const ownNetwork = "/proc/thread-self/ns/net"

func (n *Namespace) begin() (err error) {
	if n.host, err = unix.Open(ownNetwork, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("%w: %w", ErrNotRoot, err)
	}
	if n.fd, err = unix.Open(ownNetwork, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	_, err = command("ip link set lo up").run()
	return err
}

// live owns the one thread that is in the namespace for good.
func (n *Namespace) live() {
	defer close(n.ended)
	for order := range n.orders {
		n.done <- order()
	}
}

// Inside does something in the namespace: what it starts is in it, and listeners that it makes stay in it.
func (n *Namespace) Inside(order func() error) error {
	n.orders <- order
	return <-n.done
}

// Run runs programs in the namespace until one fails. Arguments are separated by spaces.
func (n *Namespace) Run(commands ...string) error {
	return n.Inside(func() error {
		for _, c := range commands {
			if _, err := command(c).run(); err != nil {
				return err
			}
		}
		return nil
	})
}

// output is what a program prints in the namespace.
func (n *Namespace) output(c string) (text string, err error) {
	err = n.Inside(func() error { text, err = command(c).run(); return err })
	return text, err
}

// Enter takes the calling thread into the namespace. It is to be one that ends soon, as OnThread has it.
func (n *Namespace) Enter() error {
	if err := unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("cannot enter the network: %w", err)
	}
	return nil
}

// Close gives the namespace up: it ends with the last process in it. It may be called twice; the other methods may not be called after it.
func (n *Namespace) Close() {
	n.once.Do(func() {
		close(n.orders)
		<-n.ended
		for _, fd := range []int{n.fd, n.host} {
			if fd >= 0 {
				_ = unix.Close(fd)
			}
		}
	})
}

// command is a program with its arguments, separated by spaces.
type command string

func (c command) run() (out string, err error) {
	words := strings.Fields(string(c))
	text, err := exec.Command(words[0], words[1:]...).CombinedOutput()
	out = strings.TrimSpace(string(text))
	if err != nil {
		return out, fmt.Errorf("cannot %s: %w: %s", c, err, out)
	}
	return out, nil
}
