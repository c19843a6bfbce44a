package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// transient is what makes a unit one that systemd-run has made: it has no file, and is forgotten when
// its process has ended.
type transient struct {
	argv  []string
	env   []string
	files [3]*os.File // standard input, output and error
}

// process is the unit's, whose files it keeps.
func (t *transient) process() *exec.Cmd {
	cmd := exec.Command(t.argv[0], t.argv[1:]...)
	cmd.Env, cmd.Dir = t.env, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.files[0], t.files[1], t.files[2]
	return cmd
}

func (t *transient) close() {
	for _, f := range t.files {
		if f != nil {
			_ = f.Close()
		}
	}
}

// run is systemd-run --pipe --wait --collect. The unit runs on when done is closed first.
func (s *Supervisor) run(done <-chan struct{}, args []string, env []string, files [3]*os.File) reply {
	t := &transient{env: env, files: files}
	defer t.close() // the process has its own
	set := settings{restart: "no", timeoutStop: defaultTimeoutStop}
	name := ""
	for i, a := range args {
		key, value, _ := strings.Cut(a, "=")
		switch {
		case a == "--quiet" || a == "--pipe" || a == "--wait" || a == "--collect" || a == "--service-type=exec":
		case key == "--unit":
			name = strings.TrimSuffix(value, ".service")
		case key == "--property":
			property, of, _ := strings.Cut(value, "=")
			set.set("Service", property, of)
		case strings.HasPrefix(a, "-"):
			return reply{Stderr: fmt.Sprintf("systemd-run: unrecognized option '%s'\n", a), Code: 1}
		default:
			t.argv = args[i:]
		}
		if t.argv != nil {
			break
		}
	}
	if name == "" || len(t.argv) == 0 {
		return reply{Stderr: "systemd-run: jujusim needs a unit and a command line\n", Code: 1}
	}
	u, err := s.startTransient(name, t, set)
	if err != nil {
		return reply{Stderr: err.Error() + "\n", Code: 1}
	}
	select {
	case <-u.gone:
	case <-done:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return reply{Code: max(u.exitCode, 0)}
}

func (s *Supervisor) startTransient(name string, t *transient, set settings) (*unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.units[name] != nil {
		return nil, fmt.Errorf("Failed to start transient service unit: Unit %s was already loaded or has a fragment file.", Filename(name)) //nolint:staticcheck,revive // ST1005: systemd's words
	}
	u := &unit{sup: s, name: name, settings: set, loaded: true, result: "success", transient: t}
	if err := u.start(true); err != nil {
		return nil, err
	}
	if u.cmd == nil {
		return nil, fmt.Errorf("Failed to find executable %s: No such file or directory", t.argv[0]) //nolint:staticcheck,revive // ST1005: systemd's words
	}
	s.units[name] = u
	return u, nil
}

// SystemdRun is the program form of systemd-run, as Systemctl is of systemctl: the unit gets the
// caller's own standard input, output and error, and its PATH, in which this machine's systemctl is.
func SystemdRun(args []string) int {
	root := os.Getenv(RootVariable)
	if root == "" {
		_, _ = fmt.Fprintf(os.Stderr, "systemd-run: %s is not set\n", RootVariable)
		return 1
	}
	r, err := call(filepath.Join(root, socketPath), request{Run: true, Args: args,
		Env: []string{"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", RootVariable + "=" + root}}, 0, 1, 2)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "Failed to connect to bus:", err)
		return 1
	}
	_, _ = os.Stderr.WriteString(r.Stderr)
	return r.Code
}

// maxRequest is as long as a request may be: it comes in one piece with its files.
const maxRequest = 64 << 10

// receive reads a request and the files that come with it.
func receive(conn *net.UnixConn) (req request, files [3]*os.File, err error) {
	text, rights := make([]byte, maxRequest), make([]byte, syscall.CmsgSpace(len(files)*4))
	n, m, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return req, files, fmt.Errorf("cannot read a request: %w", err)
	}
	messages, err := syscall.ParseSocketControlMessage(rights[:m])
	if err != nil {
		return req, files, fmt.Errorf("cannot read a request: %w", err)
	}
	for _, message := range messages {
		fds, err := syscall.ParseUnixRights(&message)
		if err != nil {
			return req, files, fmt.Errorf("cannot read a request: %w", err)
		}
		for i, fd := range fds {
			syscall.CloseOnExec(fd)
			if i < len(files) {
				files[i] = os.NewFile(uintptr(fd), "of a transient unit")
			}
		}
	}
	err = json.Unmarshal(text[:n], &req)
	return req, files, err
}

// call sends a request, with open files, and waits for the answer.
func call(socket string, req request, fds ...int) (r reply, err error) {
	text, err := json.Marshal(req)
	if err != nil || len(text) > maxRequest {
		return r, errors.Join(err, fmt.Errorf("the request has %d bytes", len(text)))
	}
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return r, err
	}
	defer func() { _ = conn.Close() }()
	var rights []byte
	if len(fds) > 0 {
		rights = syscall.UnixRights(fds...)
	}
	if _, _, err := conn.WriteMsgUnix(text, rights, nil); err != nil {
		return r, err
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		return r, err
	}
	err = json.Unmarshal(all, &r)
	return r, err
}
