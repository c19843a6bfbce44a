package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"jujuetcd.io/pkg/etcdops"
	"jujuetcd.io/pkg/printable"
)

// The etcd of a drill listens on sockets in its own folder, and nowhere else. It runs as a user that nobody is, so
// that it can neither read nor write anything but its folder; it has nothing of the agent's environment; it dies
// with the agent, by the kernel; and of all processes of the machine it is the first to go where memory ends.

const (
	// etcdProgram is the unit's own etcd, in the revision of the snap that is in use.
	etcdProgram = "/snap/" + SnapName + "/current/bin/etcd"
	// drillHome is the folder of the drill's etcd in drillDir, and drillData its data in that.
	drillHome = "etcd"
	drillData = "data"
	drillName = "drill"
	// etcd before 3.6 wants a port after the name of a socket. The name is a file's in its folder.
	drillPeerURL   = "unix://peer:1"
	drillClientURL = "unix://client:1"
	drillSocket    = "client:1"
	// drillQuota is above any database that etcd supports: it is not what is tried.
	drillQuota = 64 << 30
	// longestLog is how much of what it prints is kept.
	longestLog = 16 << 10
)

// readRestored starts the unit's etcd with the restored data, reads what it has, and ends it.
func (m *Machine) readRestored(ctx context.Context, revision int64) (contents etcdops.Contents, err error) {
	err = m.whileDrilling(ctx, nil, func(ctx context.Context, dial dialer) (err error) {
		contents, err = etcdops.ReadContents(ctx, dial, revision)
		return err
	})
	return contents, err
}

// dialer is the way to the etcd of a drill.
type dialer = func(context.Context) (net.Conn, error)

// whileDrilling starts the unit's etcd with the restored data, and further flags, and ends it when f has
// ended. The context of f ends when etcd does.
func (m *Machine) whileDrilling(ctx context.Context, flags []string, f func(context.Context, dialer) error) error {
	home := filepath.Join(m.drillDir(), drillHome)
	dir, err := os.Open(home)
	if err != nil {
		return fmt.Errorf("cannot start an etcd with the restored data: %w", err)
	}
	defer dir.Close()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(fmt.Errorf("the etcd that was started with the restored data has ended: %w", m.runDrill(ctx, dir, flags)))
	}()
	err = f(ctx, func(ctx context.Context) (net.Conn, error) {
		// A socket's path has at most 108 bytes, and that of the folder may be longer.
		return (&net.Dialer{}).DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), drillSocket))
	})
	m.effect("asked the restored etcd")
	cancel(nil)
	<-ended
	return err
}

// runDrill runs etcd in the folder until ctx ends. Its thread is kept: the kernel ends the process with the thread
// that has started it.
func (m *Machine) runDrill(ctx context.Context, dir *os.File, flags []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	program, err := os.Open(m.path(etcdProgram))
	if err != nil {
		return err
	}
	defer program.Close()
	log := &tail{}
	// The paths that lead to program and folder are root's. Both are opened here, and had by their descriptors:
	// also the data, since etcd makes an absolute path of a relative one.
	cmd := exec.CommandContext(ctx, "/proc/self/fd/3", append(flags, "--name="+drillName, "--data-dir=/proc/self/fd/4/"+drillData, "--log-level=error",
		"--listen-client-urls="+drillClientURL, "--advertise-client-urls="+drillClientURL,
		"--listen-peer-urls="+drillPeerURL, "--initial-advertise-peer-urls="+drillPeerURL,
		"--initial-cluster="+drillName+"="+drillPeerURL, fmt.Sprintf("--quota-backend-bytes=%d", int64(drillQuota)))...)
	cmd.Dir, cmd.ExtraFiles, cmd.Env = fmt.Sprintf("/proc/self/fd/%d", dir.Fd()), []*os.File{program, dir}, []string{"GOMAXPROCS=1"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() == 0 {
		id, err := nobody()
		if err != nil {
			return err
		}
		if err := give(dir.Name(), id); err != nil {
			return err
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	// It is a trial: everything else on the machine matters more.
	first := os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", cmd.Process.Pid), []byte("1000"), 0o600)
	idle := syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, 19)
	if err := errors.Join(first, idle); err != nil {
		m.log.Error(err, "The etcd of a restore drill runs like any other process")
	}
	if err := cmd.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w (%s)", err, log)
	}
	return nil
}

// The numbers that systemd gives to users of its own making (systemd.io/UIDS-GIDS): no person and no program that
// is installed has one.
const firstNobody, lastNobody = 61184, 65519

// nobody is the number of a user whom no name has, and no process.
func nobody() (int, error) {
	for range 100 {
		id := firstNobody + rand.IntN(lastNobody-firstNobody+1)
		if _, err := user.LookupId(strconv.Itoa(id)); err == nil {
			continue
		}
		used := false
		err := eachProcess(func(_ int, info fs.FileInfo) {
			stat, ok := info.Sys().(*syscall.Stat_t)
			used = used || ok && int(stat.Uid) == id
		})
		if err != nil {
			return 0, err
		}
		if !used {
			return id, nil
		}
	}
	return 0, errors.New("all numbers of users are taken")
}

// give gives a folder to a user, with all that is in it.
func give(dir string, id int) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, id, id)
	})
}

// eachProcess calls for each process of the machine.
func eachProcess(f func(pid int, info fs.FileInfo)) error {
	all, err := os.ReadDir("/proc")
	if err != nil {
		return err
	}
	for _, e := range all {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if info, err := e.Info(); err == nil { // it may have ended
			f(pid, info)
		}
	}
	return nil
}

// endIn ends the processes that work in a folder.
func endIn(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	return eachProcess(func(pid int, _ fs.FileInfo) {
		at, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", pid))
		if err == nil && strings.HasPrefix(at, dir+"/") {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
}

// tail keeps the end of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if t.Len()+len(p) > longestLog {
		t.Reset()
	}
	t.Buffer.Write(p[max(0, len(p)-longestLog):])
	return len(p), nil
}

func (t *tail) String() string {
	lines := strings.Split(strings.TrimSpace(t.Buffer.String()), "\n")
	return printable.Line(lines[len(lines)-1], printable.Reason)
}
