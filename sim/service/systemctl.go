package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// RootVariable names the machine's root in the environment of a charm.
const RootVariable = "JUJUETCD_ROOT"

const socketPath = "run/systemd/private"

type request struct {
	Args []string `json:"args"`
	// Run says that it is systemd-run's, and Env its unit's environment.
	Run bool     `json:"run,omitempty"`
	Env []string `json:"env,omitempty"`
}

type reply struct {
	Stdout string `json:"stdout,omitempty"`
	Stderr string `json:"stderr,omitempty"`
	Code   int    `json:"code"`
}

// Serve opens the socket for systemctl, and answers until Close.
func (s *Supervisor) Serve() error {
	path := filepath.Join(s.root, socketPath)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("cannot serve systemctl: %w", err)
	}
	_ = os.Remove(path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return fmt.Errorf("cannot serve systemctl: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	s.listener, s.hangUp = l, cancel
	s.wg.Go(func() {
		for {
			conn, err := l.AcceptUnix()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.answer(ctx, conn) })
		}
	})
	return nil
}

func (s *Supervisor) answer(ctx context.Context, conn *net.UnixConn) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	req, files, err := receive(conn)
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // ends with the connection; the caller's going away ends the wait
		_, _ = io.Copy(io.Discard, conn)
		cancel()
	}()
	if req.Run {
		_ = json.NewEncoder(conn).Encode(s.run(ctx.Done(), req.Args, req.Env, files))
		return
	}
	_ = json.NewEncoder(conn).Encode(s.systemctl(ctx, req.Args))
}

// systemctl runs one command line of systemctl.
func (s *Supervisor) systemctl(ctx context.Context, args []string) reply {
	var properties []string
	var words []string
	now, value, sig := false, false, syscall.SIGTERM
	for _, a := range args {
		switch {
		case strings.HasPrefix(a, "--property="):
			properties = append(properties, strings.Split(strings.TrimPrefix(a, "--property="), ",")...)
		case strings.HasPrefix(a, "-p") && len(a) > 2:
			properties = append(properties, strings.Split(a[2:], ",")...)
		case a == "--value":
			value = true
		case a == "--now":
			now = true
		case strings.HasPrefix(a, "--signal="):
			if strings.TrimPrefix(strings.TrimPrefix(a, "--signal="), "SIG") == "KILL" {
				sig = syscall.SIGKILL
			}
		case strings.HasPrefix(a, "-"): // --no-pager, --quiet and the like change nothing here
		default:
			words = append(words, a)
		}
	}
	if len(words) == 0 {
		return reply{Stderr: "systemctl: a command is needed\n", Code: 1}
	}
	verb, names := words[0], words[1:]
	if verb == "daemon-reload" {
		return result(s.DaemonReload())
	}
	if len(names) == 0 {
		return reply{Stderr: "systemctl: a unit is needed\n", Code: 1}
	}
	var out bytes.Buffer
	for _, name := range names {
		if r, ok := s.unitCommand(ctx, &out, verb, name, properties, value, now, sig); ok {
			r.Stdout = out.String()
			if r.Code != 0 {
				return r
			}
			continue
		}
		return reply{Stderr: fmt.Sprintf("Unknown command verb %s.\n", verb), Code: 1}
	}
	return reply{Stdout: out.String()}
}

func (s *Supervisor) unitCommand(ctx context.Context, out *bytes.Buffer, verb, name string, properties []string, value, now bool, sig syscall.Signal) (reply, bool) {
	switch verb {
	case "show":
		s.printProperties(out, name, properties, value)
		return reply{}, true
	case "is-active":
		state := s.Get(name, "ActiveState")
		_, _ = fmt.Fprintln(out, state)
		if state == "active" {
			return reply{}, true
		}
		return reply{Code: 3}, true
	case "is-enabled":
		if s.Enabled(name) {
			_, _ = fmt.Fprintln(out, "enabled")
			return reply{}, true
		}
		_, _ = fmt.Fprintln(out, "disabled")
		return reply{Code: 1}, true
	case "is-failed":
		state := s.Get(name, "ActiveState")
		_, _ = fmt.Fprintln(out, state)
		if state == "failed" {
			return reply{}, true
		}
		return reply{Code: 1}, true
	case "status":
		_, _ = fmt.Fprintf(out, "%s\n   Active: %s (%s)\n Main PID: %s\n", Filename(name), s.Get(name, "ActiveState"), s.Get(name, "SubState"), s.Get(name, "MainPID"))
		if s.Get(name, "ActiveState") != "active" {
			return reply{Code: 3}, true
		}
		return reply{}, true
	case "start":
		return result(s.Start(ctx, name)), true
	case "stop":
		return result(s.Stop(ctx, name)), true
	case "restart":
		return result(s.Restart(ctx, name)), true
	case "try-restart":
		if s.Get(name, "LoadState") == "loaded" && s.Get(name, "ActiveState") != "active" {
			return reply{}, true
		}
		return result(s.Restart(ctx, name)), true
	case "kill":
		return result(s.Kill(name, sig)), true
	case "reset-failed":
		return result(s.ResetFailed(name)), true
	case "enable", "disable":
		err := s.Enable(name, verb == "enable")
		if err == nil && now && verb == "enable" {
			err = s.Start(ctx, name)
		} else if err == nil && now {
			err = s.Stop(ctx, name)
		}
		return result(err), true
	}
	return reply{}, false
}

func (s *Supervisor) printProperties(out *bytes.Buffer, name string, wanted []string, value bool) {
	for _, p := range s.Show(name) {
		show := len(wanted) == 0
		for _, w := range wanted {
			show = show || w == p.Name
		}
		switch {
		case show && value:
			_, _ = fmt.Fprintln(out, p.Value)
		case show:
			_, _ = fmt.Fprintf(out, "%s=%s\n", p.Name, p.Value)
		}
	}
}

func result(err error) reply {
	switch {
	case err == nil:
		return reply{}
	case errors.Is(err, ErrNotFound):
		return reply{Stderr: "Failed: " + err.Error() + "\n", Code: 5}
	default:
		return reply{Stderr: "Failed: " + err.Error() + "\n", Code: 1}
	}
}

// Systemctl is the program form: it sends its arguments to the supervisor of the machine that JUJUETCD_ROOT names, prints
// the answer, and returns the exit code.
func Systemctl(args []string) int {
	root := os.Getenv(RootVariable)
	if root == "" {
		_, _ = fmt.Fprintf(os.Stderr, "systemctl: %s is not set\n", RootVariable)
		return 1
	}
	r, err := call(filepath.Join(root, socketPath), request{Args: args})
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "Failed to connect to bus:", err)
		return 1
	}
	_, _ = os.Stdout.WriteString(r.Stdout)
	_, _ = os.Stderr.WriteString(r.Stderr)
	return r.Code
}
