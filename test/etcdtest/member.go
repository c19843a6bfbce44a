package etcdtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Member is one etcd server. Its fields may be changed before it is started.
type Member struct {
	Name, Address      string
	ClientURL, PeerURL string
	Dir, DataDir       string

	cluster *Cluster
	state   string
	initial string
	process *process
}

// process is one run of a server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it is gone and has been waited for
}

// SANs are the names that the member's certificate needs. 127.0.0.1 is where a connection on loopback comes from, whatever
// the address of the member that makes it, and a peer checks that its certificate covers where it comes from.
func (m *Member) SANs() []string { return []string{m.Address, "127.0.0.1"} }

// WriteTLS writes what the server is started with, and reads anew at each handshake: its certificate and key, for clients
// and peers. The authorities are read at the start only.
func (m *Member) WriteTLS(authorities []byte, leaf Leaf) {
	m.cluster.t.Helper()
	for name, data := range map[string][]byte{"ca.crt": authorities, "server.crt": leaf.CertPEM, "server.key": leaf.KeyPEM} {
		must(m.cluster.t, os.WriteFile(filepath.Join(m.Dir, name), data, 0o600))
	}
}

// StartWith starts the server with an initial-cluster-state and an initial-cluster, which count if it has no data. It does
// not wait until it serves.
func (m *Member) StartWith(state, initial string) {
	m.state, m.initial = state, initial
	m.Start()
}

// Start starts the server, with what it was started with before.
func (m *Member) Start() {
	t := m.cluster.t
	t.Helper()
	if m.Running() {
		t.Fatalf("%s is running already", m.Name)
	}
	p := &process{cmd: exec.Command(filepath.Join(m.cluster.bin, "etcd"), m.args()...), done: make(chan struct{})}
	log, err := os.OpenFile(m.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(t, err)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// Linux sends the death signal when the thread that started the process ends, so this one must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		defer log.Close()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			// How it ended is for the test to judge.
			_ = p.cmd.Wait()
		}
	}()
	must(t, <-started)
	m.process = p
}

func (m *Member) args() []string {
	file := func(name string) string { return filepath.Join(m.Dir, name) }
	return append([]string{
		"--name=" + m.Name, "--data-dir=" + m.DataDir, "--logger=zap", "--log-level=warn",
		"--listen-client-urls=" + m.ClientURL, "--advertise-client-urls=" + m.ClientURL,
		"--listen-peer-urls=" + m.PeerURL, "--initial-advertise-peer-urls=" + m.PeerURL,
		"--initial-cluster-token=" + m.cluster.token,
		"--initial-cluster-state=" + m.state, "--initial-cluster=" + m.initial,
		"--cert-file=" + file("server.crt"), "--key-file=" + file("server.key"),
		"--trusted-ca-file=" + file("ca.crt"), "--client-cert-auth",
		"--peer-cert-file=" + file("server.crt"), "--peer-key-file=" + file("server.key"),
		"--peer-trusted-ca-file=" + file("ca.crt"), "--peer-client-cert-auth",
	}, m.cluster.options.Args...)
}

// Running says that the process is there.
func (m *Member) Running() bool {
	if m.process == nil {
		return false
	}
	select {
	case <-m.process.done:
		return false
	default:
		return true
	}
}

// PID is the process's id; zero if there is none.
func (m *Member) PID() int {
	if !m.Running() {
		return 0
	}
	return m.process.cmd.Process.Pid
}

// Kill kills the server without warning, and waits until it is gone.
func (m *Member) Kill() { m.end(syscall.SIGKILL) }

// Stop asks the server to stop, and waits until it is gone.
func (m *Member) Stop() { m.end(syscall.SIGTERM) }

// Freeze stops the process without ending it, so that its connections stay and nothing answers; Thaw lets it go on. It
// returns when all of the process has stopped.
func (m *Member) Freeze() {
	m.cluster.t.Helper()
	m.signal(syscall.SIGSTOP)
	Eventually(m.cluster.t, 10*time.Second, m.Name+" stands still", func(context.Context) bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", m.PID()))
		if err != nil || len(threads) == 0 {
			return false
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			// The state follows the program's name, which is in parentheses.
			if _, state, _ := strings.Cut(string(stat), ") "); err != nil || !strings.HasPrefix(state, "T") {
				return false
			}
		}
		return true
	})
}

// Thaw lets a frozen server go on.
func (m *Member) Thaw() { m.signal(syscall.SIGCONT) }

// Wipe deletes the data of a server that does not run.
func (m *Member) Wipe() {
	m.cluster.t.Helper()
	if m.Running() {
		m.cluster.t.Fatalf("%s is running: cannot wipe its data", m.Name)
	}
	must(m.cluster.t, os.RemoveAll(m.DataDir))
}

// Restart stops the server and starts it again.
func (m *Member) Restart() {
	m.cluster.t.Helper()
	m.Stop()
	m.Start()
}

// WaitGone waits until the process has ended by itself.
func (m *Member) WaitGone(within time.Duration) {
	m.cluster.t.Helper()
	Eventually(m.cluster.t, within, m.Name+" ends", func(context.Context) bool { return !m.Running() })
}

// WaitServing waits until a linearizable read goes through the member, or a serializable one through a learner.
func (m *Member) WaitServing() {
	t := m.cluster.t
	t.Helper()
	client := m.cluster.Client(m.ClientURL)
	defer client.Close()
	Eventually(t, startTimeout, m.Name+" serves", func(ctx context.Context) bool {
		if !m.Running() {
			t.Fatalf("%s has ended:\n%s", m.Name, m.Log())
		}
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := client.Get(ctx, "etcdtest")
		return err == nil
	})
}

// Log is the end of what the server has written.
func (m *Member) Log() string {
	text, err := os.ReadFile(m.logFile())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

func (m *Member) logFile() string { return filepath.Join(m.Dir, "etcd.log") }

func (m *Member) signal(sig syscall.Signal) {
	m.cluster.t.Helper()
	if !m.Running() {
		m.cluster.t.Fatalf("%s does not run: cannot send %s", m.Name, sig)
	}
	must(m.cluster.t, m.process.cmd.Process.Signal(sig))
}

func (m *Member) end(sig syscall.Signal) {
	m.cluster.t.Helper()
	m.signal(sig)
	select {
	case <-m.process.done:
	case <-time.After(30 * time.Second):
		m.cluster.t.Fatalf("%s does not end with %s", m.Name, sig)
	}
}

func (m *Member) cleanup() {
	if m.Running() {
		// A frozen process dies of it, too.
		_ = m.process.cmd.Process.Kill()
		<-m.process.done
	}
	if m.cluster.t.Failed() && testing.Verbose() {
		m.cluster.t.Logf("%s:\n%s", m.Name, m.Log())
	}
}
