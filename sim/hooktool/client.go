package hooktool

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"jujuetcd.io/sim/profile"
)

// Environment variables that lead a hook tool to its context.
const (
	contextVariable = "JUJU_CONTEXT_ID"
	addressVariable = "JUJU_AGENT_SOCKET_ADDRESS"
	networkVariable = "JUJU_AGENT_SOCKET_NETWORK"
)

type request struct {
	Context string   `json:"context"`
	Tool    string   `json:"tool"`
	Args    []string `json:"args"`
	Dir     string   `json:"dir"`
	Stdin   []byte   `json:"stdin,omitempty"`
}

type reply struct {
	Stdout []byte `json:"stdout,omitempty"`
	Stderr []byte `json:"stderr,omitempty"`
	Code   int    `json:"code"`
}

// Names are the names of the profile's hook tools, sorted.
func Names(p profile.Profile) []string {
	names := slices.Sorted(maps.Keys(tools))
	if p.LeaderSettings {
		return names
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(gone, name) })
}

// Link makes a folder with a link to program for each hook tool of the profile, and for the further names given.
func Link(dir, program string, p profile.Profile, more ...string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot link hook tools: %w", err)
	}
	for _, name := range append(Names(p), more...) {
		link := filepath.Join(dir, name)
		if now, err := os.Readlink(link); err == nil && now == program {
			continue
		}
		_ = os.Remove(link)
		if err := os.Symlink(program, link); err != nil {
			return fmt.Errorf("cannot link hook tools: %w", err)
		}
	}
	return nil
}

// Main runs a hook tool if args (a whole command line, as os.Args) is one: handled says so, and code is the exit code.
func Main(args []string) (code int, handled bool) {
	if len(args) == 0 {
		return 0, false
	}
	name := filepath.Base(args[0])
	if _, known := tools[name]; !known {
		return 0, false
	}
	r, err := call(name, args[1:])
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "ERROR", err)
		return 1, true
	}
	_, _ = os.Stdout.Write(r.Stdout)
	_, _ = os.Stderr.Write(r.Stderr)
	return r.Code, true
}

func call(name string, args []string) (reply, error) {
	id := os.Getenv(contextVariable)
	address := os.Getenv(addressVariable)
	if id == "" || address == "" {
		return reply{}, fmt.Errorf("%s is not set: not in a hook", contextVariable)
	}
	req := request{Context: id, Tool: name, Args: args}
	req.Dir, _ = os.Getwd()
	if wantsStdin(args) {
		in, err := io.ReadAll(os.Stdin)
		if err != nil {
			return reply{}, err
		}
		req.Stdin = in
	}
	network := os.Getenv(networkVariable)
	if network == "" {
		network = "unix"
	}
	conn, err := net.Dial(network, address)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := json.NewEncoder(conn).Encode(req); err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.NewDecoder(conn).Decode(&r); err != nil {
		return reply{}, fmt.Errorf("the unit agent hung up: %w", err)
	}
	return r, nil
}

// wantsStdin says that a tool reads its standard input: --file -.
func wantsStdin(args []string) bool {
	for i, a := range args {
		if a == "--file=-" || strings.TrimLeft(a, "-") == "file" && i+1 < len(args) && args[i+1] == "-" {
			return true
		}
	}
	return false
}
