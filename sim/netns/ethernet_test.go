package netns_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"jujuetcd.io/sim/netns"
)

// holder says in the environment that the test's program makes an Ethernet, and is to be killed.
const holder = "NETNS_TEST_HOLDER"

func TestMain(m *testing.M) {
	if os.Getenv(holder) != "" {
		hold()
	}
	goleak.VerifyTestMain(m)
}

// hold makes a network with a machine that has a process, reports the host's address in it, and
// waits.
func hold() {
	e, err := netns.NewEthernet(1)
	if err != nil {
		fmt.Println("cannot make it:", err)
		os.Exit(1)
	}
	p, err := e.Join()
	if err == nil {
		err = p.Cut()
	}
	if err != nil {
		fmt.Println("cannot join it:", err)
		os.Exit(1)
	}
	fmt.Println(e.Network().Addr().Next())
	select {}
}

// needRoot leaves a test out where networks cannot be made; as root, a missing program is a
// failure.
func needRoot(t *testing.T) {
	t.Helper()
	switch err := netns.Available(); {
	case errors.Is(err, netns.ErrNotRoot):
		t.Skipf("THIS TEST DID NOT RUN: %v", err)
	case err != nil:
		t.Fatal(err)
	}
}

// place is somewhere to listen at, or to call from: a machine, or the host.
type place struct {
	name, address string
	inside        func(func() error) error
}

// newPlaces makes an Ethernet with that many machines, and lists them after the host.
func newPlaces(t *testing.T, machines int) ([]place, []*netns.Port) {
	t.Helper()
	e, err := netns.NewEthernet(1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	places := []place{{"the host", e.Network().Addr().Next().String(), func(do func() error) error { return do() }}}
	var ports []*netns.Port
	for i := range machines {
		p, err := e.Join()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		address := strings.TrimSuffix(e.Network().Addr().String(), ".0") + fmt.Sprint(".", 10+i)
		if err := p.SetAddresses(address); err != nil {
			t.Fatal(err)
		}
		ports = append(ports, p)
		places = append(places, place{fmt.Sprint("machine ", i), address, p.Inside})
	}
	return places, ports
}

// serve has a place answer with its name.
func serve(t *testing.T, p place) {
	t.Helper()
	var l net.Listener
	err := p.inside(func() (err error) { l, err = net.Listen("tcp", net.JoinHostPort(p.address, "2380")); return err })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = fmt.Fprintln(c, p.name)
			_ = c.Close()
		}
	}()
}

// reaches says whether one gets an answer from the other.
func reaches(from, to place) bool {
	answer := ""
	_ = from.inside(func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(to.address, "2380"), 300*time.Millisecond)
		if err != nil {
			return err
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
		answer, err = bufio.NewReader(c).ReadString('\n')
		return err
	})
	return answer == to.name+"\n"
}

func TestAMachineThatIsCutOffIsReachedByTheHostAlone(t *testing.T) {
	needRoot(t)
	places, ports := newPlaces(t, 3)
	for _, p := range places {
		serve(t, p)
	}
	for _, step := range []struct {
		name string
		do   func() error
		cut  map[string]bool // the machines that are cut off
	}{
		{"nothing is cut", func() error { return nil }, nil},
		{"one is cut off", ports[0].Cut, map[string]bool{"machine 0": true}},
		{"and again", ports[0].Cut, map[string]bool{"machine 0": true}},
		{"another, too", ports[1].Cut, map[string]bool{"machine 0": true, "machine 1": true}},
		{"the first is back", ports[0].Mend, map[string]bool{"machine 1": true}},
		{"and again", ports[0].Mend, map[string]bool{"machine 1": true}},
		{"both are back", ports[1].Mend, nil},
	} {
		t.Run(step.name, func(t *testing.T) {
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			for _, from := range places {
				for _, to := range places {
					parted := from.name != to.name && from.name != "the host" && to.name != "the host" && (step.cut[from.name] || step.cut[to.name])
					if got := reaches(from, to); got == parted {
						t.Errorf("%s reaches %s: %v", from.name, to.name, got)
					}
				}
			}
		})
	}
}

func TestACutHoldsBackWhatAConnectionThatWasThereWouldCarry(t *testing.T) {
	needRoot(t)
	places, ports := newPlaces(t, 2)
	var l net.Listener
	if err := places[2].inside(func() (err error) {
		l, err = net.Listen("tcp", net.JoinHostPort(places[2].address, "2380"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var near net.Conn
	if err := places[1].inside(func() (err error) { near, err = net.Dial("tcp", l.Addr().String()); return err }); err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if err := ports[0].Cut(); err != nil {
		t.Fatal(err)
	}
	for name, ends := range map[string][2]net.Conn{"out of it": {near, far}, "into it": {far, near}} {
		if _, err := ends[0].Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		_ = ends[1].SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		if n, err := ends[1].Read(make([]byte, 1)); n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: %d bytes, %v", name, n, err)
		}
	}
	if err := ports[0].Mend(); err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]net.Conn{"out of it": far, "into it": near} {
		_ = end.SetReadDeadline(time.Now().Add(10 * time.Second))
		if n, err := end.Read(make([]byte, 1)); n != 1 {
			t.Errorf("%s: what was held back does not come: %v", name, err)
		}
	}
}

func TestAMachineHasTheAddressesThatItIsGivenLast(t *testing.T) {
	needRoot(t)
	places, ports := newPlaces(t, 2)
	moved := strings.TrimSuffix(places[1].address, "10") + "254"
	if err := ports[0].SetAddresses(moved); err != nil {
		t.Fatal(err)
	}
	old := places[1]
	places[1].address = moved
	serve(t, places[1])
	if !reaches(places[2], places[1]) || reaches(places[2], old) {
		t.Errorf("it has not moved from %s to %s", old.address, moved)
	}
}

func TestNothingIsLeftOfANetwork(t *testing.T) {
	needRoot(t)
	t.Run("that is closed", func(t *testing.T) {
		e, err := netns.NewEthernet(2)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Join()
		if err != nil {
			t.Fatal(err)
		}
		address := e.Network().Addr().Next().String()
		if !hostHas(t, address) {
			t.Fatal("the host has no address in it")
		}
		p.Close()
		e.Close()
		if hostHas(t, address) {
			t.Error("the host still has its address")
		}
	})
	t.Run("whose program is killed", func(t *testing.T) {
		program, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program)
		cmd.Env = append(os.Environ(), holder+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		address := strings.TrimSpace(line)
		there := hostHas(t, address)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if !there {
			t.Fatalf("the host has no address in it: %s", line)
		}
		deadline, tick := time.After(10*time.Second), time.NewTicker(10*time.Millisecond)
		defer tick.Stop()
		for hostHas(t, address) {
			select {
			case <-deadline:
				t.Fatalf("the host still has %s", address)
			case <-tick.C:
			}
		}
	})
}

func hostHas(t *testing.T, address string) bool {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if strings.HasPrefix(a.String(), address+"/") {
			return true
		}
	}
	return false
}

func TestWithoutRootItIsRefusedInASentence(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	if _, err := netns.NewEthernet(1); !errors.Is(err, netns.ErrNotRoot) || err.Error() != "cannot make a network: it takes root" {
		t.Errorf("got %v", err)
	}
}

// asNobody runs the test that calls it once more, as a user who is not root. The program is named
// by /proc, because the folder that it lies in is root's.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	c := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	c.Dir = "/"
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := c.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("as a user who is not root: %v\n%s", err, out)
	}
}
