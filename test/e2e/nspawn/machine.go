package nspawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bridge is what machines are joined by.
const bridge = "br0"

// Host is the address of the host on the bridge, and Subnet what machines' addresses are in.
const (
	Host   = "10.123.0.1"
	prefix = "24"
)

// Bridge makes the bridge in the network namespace that this program is in.
func Bridge(ctx context.Context) error {
	for _, command := range [][]string{
		{"link", "set", "lo", "up"},
		{"link", "add", bridge, "type", "bridge"},
		{"addr", "add", Host + "/" + prefix, "dev", bridge},
		{"link", "set", bridge, "up"},
	} {
		if err := run(ctx, "ip", command...); err != nil {
			return fmt.Errorf("cannot make the machines' network: %w", err)
		}
	}
	return nil
}

// SetLink plugs a machine's network cable in, or out.
func SetLink(ctx context.Context, name string, up bool) error {
	state := "down"
	if up {
		state = "up"
	}
	return run(ctx, "ip", "link", "set", port(name), state)
}

// port is the bridge's end of a machine's cable, as systemd-nspawn names it.
func port(name string) string { return "vb-" + name }

// Options are what a Machine is made from.
type Options struct {
	// Image is the root file system that it begins with.
	Image string
	// Name is short: it is part of an interface's name, which has at most 15 characters.
	Name string
	// Dir is where the machine's files are: its root is Dir/Name. Hostname is Name where empty.
	Dir      string
	Hostname string
	// Address is the machine's on the bridge; a machine without is on no network.
	Address string
	// Binds are folders of the host that the machine sees read-only, as host:machine.
	Binds []string

	root string // is written to directly: Image is being made
}

// Machine is one machine.
type Machine struct {
	o Options

	mu     sync.Mutex
	cmd    *exec.Cmd
	ended  chan struct{}
	leader int
	out    *bytes.Buffer
}

// New returns a machine that is off.
func New(o Options) *Machine {
	if o.Hostname == "" {
		o.Hostname = o.Name
	}
	return &Machine{o: o}
}

// Root is the machine's root as the host sees it, while the machine has been started once.
func (m *Machine) Root() string {
	if m.o.root != "" {
		return m.o.root
	}
	return filepath.Join(m.o.Dir, m.o.Name)
}

func (m *Machine) layer(part string) string {
	return filepath.Join(m.o.Dir, m.o.Name+".layer", part)
}

// Leader is the process on this host that is the machine's first; zero while it is off.
func (m *Machine) Leader() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader
}

// Start boots the machine and returns when systemd says that it runs.
func (m *Machine) Start(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader != 0 {
		return nil
	}
	err := m.prepare(ctx)
	if err == nil {
		err = m.boot(ctx)
	}
	if err != nil {
		m.off()
		return fmt.Errorf("cannot start machine %s: %w", m.o.Name, err)
	}
	return nil
}

// prepare makes the machine's root: the image below a layer of its own.
func (m *Machine) prepare(ctx context.Context) error {
	if m.o.root != "" {
		return nil
	}
	if _, err := os.Stat(m.layer("")); err == nil {
		return nil // it has run before
	}
	for _, dir := range []string{m.Root(), m.layer("upper"), m.layer("work")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	data := "lowerdir=" + m.o.Image + ",upperdir=" + m.layer("upper") + ",workdir=" + m.layer("work")
	if err := syscall.Mount("overlay", m.Root(), "overlay", 0, data); err != nil {
		// Where this host's own root is an overlay, there can be none on top.
		if err := run(ctx, "cp", "-a", "--reflink=auto", m.o.Image+"/.", m.Root()); err != nil {
			return err
		}
	}
	return m.personalize()
}

// personalize gives the machine a name and an address.
func (m *Machine) personalize() error {
	lan := "[Unit]\nBefore=network.target\n\n[Service]\nType=oneshot\nRemainAfterExit=yes\n" +
		"ExecStart=/sbin/ip addr replace " + m.o.Address + "/" + prefix + " dev host0\nExecStart=/sbin/ip link set host0 up\n\n" +
		"[Install]\nWantedBy=multi-user.target\n"
	files := map[string]string{
		"etc/hostname":   m.o.Hostname + "\n",
		"etc/hosts":      "127.0.0.1 localhost\n127.0.1.1 " + m.o.Hostname + "\n",
		"etc/machine-id": "",
	}
	if m.o.Address != "" {
		files["etc/systemd/system/lan.service"] = lan
		wants := filepath.Join(m.Root(), "etc/systemd/system/multi-user.target.wants")
		if err := os.MkdirAll(wants, 0o755); err != nil {
			return err
		}
		if err := os.Symlink("../lan.service", filepath.Join(wants, "lan.service")); err != nil {
			return err
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(m.Root(), name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// enterGroups puts the shell that becomes systemd-nspawn into control groups of its own: snapd finds a service's processes by
// them. $1 is the groups' name.
const enterGroups = `group=$1; shift
for h in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -e "$h/cgroup.procs" ]; then mkdir -p "$h/$group" && echo $$ >"$h/$group/cgroup.procs" || exit 1; fi
done
exec "$@"`

// group names the machine's control groups: its folder's path makes it unlike all others.
func (m *Machine) group() string {
	return GroupPrefix(m.o.Dir) + m.o.Name
}

// GroupPrefix is what the names of all control groups of machines below a folder begin with.
func GroupPrefix(dir string) string {
	return "jujuetcd" + strings.ReplaceAll(filepath.Clean(dir), "/", "-") + "-"
}

func (m *Machine) boot(ctx context.Context) error {
	args := []string{"-c", enterGroups, "sh", m.group()}
	if cpu, matters := birthplace(); matters {
		args = append(args, "taskset", "-c", strconv.Itoa(cpu))
	}
	args = append(args, "systemd-nspawn", "-D", m.Root(), "-M", m.o.Name, "--hostname="+m.o.Hostname,
		"--register=no", "--keep-unit", "-b", "--capability=all", "--console=pipe", "--link-journal=no", "--resolv-conf=off",
		"--timezone=off", "--bind=/dev/fuse", "--bind=/dev/loop-control")
	loops, err := filepath.Glob("/dev/loop[0-9]*")
	if err != nil {
		return err
	}
	for _, device := range loops {
		args = append(args, "--bind="+device)
	}
	for _, bind := range m.o.Binds {
		args = append(args, "--bind-ro="+bind)
	}
	if m.o.Address == "" {
		args = append(args, "--private-network")
	} else {
		args = append(args, "--network-bridge="+bridge)
	}
	m.out = &bytes.Buffer{}
	m.cmd = exec.Command("sh", args...)
	m.cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1")
	m.cmd.Stdout, m.cmd.Stderr = m.out, m.out
	m.cmd.WaitDelay = time.Second
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := m.cmd.Start(); err != nil {
		m.cmd = nil
		return err
	}
	m.ended = make(chan struct{})
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		_ = cmd.Wait()
	}(m.cmd, m.ended)
	ctx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	if err := m.await(ctx, "its first process", m.findLeader); err != nil {
		return err
	}
	if err := setFree(m.leader); err != nil {
		return err
	}
	return m.await(ctx, "the end of the boot", func() bool {
		out, _ := m.command(ctx, "systemctl", "is-system-running").Output()
		state := strings.TrimSpace(string(out))
		return state == "running" || state == "degraded"
	})
}

// bootLimit is long, because the very first boot of an image may take half a minute.
const bootLimit = 2 * time.Minute

func (m *Machine) await(ctx context.Context, what string, condition func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-m.ended:
			return fmt.Errorf("systemd-nspawn has ended: %s", end(m.out.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, ctx.Err())
		}
	}
	return nil
}

// findLeader finds the machine's first process among the children of systemd-nspawn.
func (m *Machine) findLeader() bool {
	pid := strconv.Itoa(m.cmd.Process.Pid)
	text, err := os.ReadFile(filepath.Join("/proc", pid, "task", pid, "children"))
	if err != nil {
		return false
	}
	for child := range strings.FieldsSeq(string(text)) {
		name, err := os.ReadFile(filepath.Join("/proc", child, "comm"))
		if err != nil || strings.TrimSpace(string(name)) != "systemd" {
			continue
		}
		if m.leader, err = strconv.Atoi(child); err == nil {
			return true
		}
	}
	return false
}

// Enter makes a command one that runs on the machine: its path, arguments, environment and folder are the machine's.
func (m *Machine) Enter(cmd *exec.Cmd) { enter(cmd, m.Leader()) }

func enter(cmd *exec.Cmd, leader int) {
	dir := cmd.Dir
	if dir == "" {
		dir = "/"
	}
	program := append([]string{cmd.Path}, cmd.Args[1:]...)
	cmd.Args = append([]string{"nsenter", "-t", strconv.Itoa(leader), "-a", "/bin/sh", "-c", `cd "$0" && exec "$@"`, dir}, program...)
	cmd.Dir = ""
	path, err := exec.LookPath("nsenter")
	if err != nil {
		cmd.Err = err
		return
	}
	cmd.Path = path
}

// environment is what commands on the machine find.
var environment = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin", "HOME=/root", "LANG=C.UTF-8"}

func (m *Machine) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return Command(ctx, m.leader, name, args...)
}

// Command is a command on the machine whose first process is leader.
func Command(ctx context.Context, leader int, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `exec "$@"`, "sh", name}, args...)...)
	cmd.Env = environment
	cmd.WaitDelay = time.Second
	enter(cmd, leader)
	return cmd
}

// Output runs a command on the machine and returns what it prints.
func (m *Machine) Output(ctx context.Context, name string, args ...string) (string, error) {
	out, err := m.command(ctx, name, args...).CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s on machine %s: %w: %s", name, m.o.Name, err, end(out))
	}
	return string(out), nil
}

// PowerOff ends the machine as a power cut does.
func (m *Machine) PowerOff() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off()
}

func (m *Machine) off() {
	if m.cmd == nil {
		return
	}
	if m.leader != 0 {
		// With the first process of its namespace the kernel ends all of them, and then systemd-nspawn ends by itself.
		_ = syscall.Kill(m.leader, syscall.SIGKILL)
		select {
		case <-m.ended:
		case <-time.After(10 * time.Second):
		}
	}
	_ = m.cmd.Process.Kill()
	<-m.ended
	m.cmd, m.leader = nil, 0
}

// Close ends the machine and removes its files; an image stays.
func (m *Machine) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.off()
	RemoveGroups(m.group())
	if m.o.root != "" {
		return
	}
	_ = syscall.Unmount(m.Root(), syscall.MNT_DETACH)
	_ = os.RemoveAll(m.Root())
	_ = os.RemoveAll(m.layer(""))
}

// RemoveGroups removes control groups whose name begins so, with all below them, as soon as no process is left in them.
func RemoveGroups(prefix string) {
	for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		groups, err := filepath.Glob(filepath.Join(hierarchy, prefix+"*"))
		if err != nil {
			continue
		}
		for _, group := range groups {
			// Processes that were killed may take a moment to end.
			for deadline := time.Now().Add(5 * time.Second); !removeGroup(group) && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
}

// removeGroup removes the innermost groups first, and says whether all are gone.
func removeGroup(group string) bool {
	var all []string
	_ = filepath.WalkDir(group, func(path string, entry fs.DirEntry, err error) error {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if entry != nil && entry.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for i := len(all) - 1; i >= 0; i-- {
		_ = syscall.Rmdir(all[i])
	}
	_, err := os.Lstat(group)
	return errors.Is(err, fs.ErrNotExist)
}
