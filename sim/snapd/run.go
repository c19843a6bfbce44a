package snapd

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

func (d *Daemon) unitPath(name string) string {
	return filepath.Join(d.root, "etc/systemd/system", unitName(name, name)+".service")
}

// writeUnit writes the unit file that snapd would.
func (d *Daemon) writeUnit(name string) error {
	text := fmt.Sprintf(`[Unit]
# Auto-generated, DO NOT EDIT
Description=Service for snap application %[1]s.%[1]s
Wants=network.target
After=network.target snapd.apparmor.service
X-Snappy=yes

[Service]
EnvironmentFile=-/etc/environment
ExecStart=/usr/bin/snap run %[1]s
SyslogIdentifier=%[1]s.%[1]s
Restart=on-failure
WorkingDirectory=/var/snap/%[1]s/current
TimeoutStopSec=30
Type=simple

[Install]
WantedBy=multi-user.target
`, name)
	if err := os.MkdirAll(filepath.Dir(d.unitPath(name)), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(d.unitPath(name), []byte(text), 0o644); err != nil { // as snapd writes it
		return err
	}
	return d.services.DaemonReload()
}

// Command turns the ExecStart of a snap's unit (/usr/bin/snap run NAME) into the program to run, with its configuration
// translated for this machine.
func (d *Daemon) Command(_ string, execStart []string) (*exec.Cmd, error) {
	if len(execStart) != 3 || execStart[1] != "run" {
		return nil, fmt.Errorf("cannot run %q: only snap run NAME is known", strings.Join(execStart, " "))
	}
	name := execStart[2]
	mount := filepath.Join(d.root, "snap", name, "current")
	program := filepath.Join(mount, "bin", name)
	if _, err := os.Stat(program); err != nil {
		return nil, fmt.Errorf("cannot run snap %s: %w", name, err)
	}
	data := filepath.Join(d.root, "var/snap", name)
	config := filepath.Join(data, "common", name+".conf.yml")
	var cmd *exec.Cmd
	if _, err := os.Stat(config); errors.Is(err, os.ErrNotExist) {
		cmd = exec.Command("/bin/sh", "-c", "echo 'There is no configuration "+"$SNAP_COMMON/"+name+".conf.yml yet' >&2; exit 1")
	} else {
		translated, err := d.translate(name, config)
		if err != nil {
			return nil, err
		}
		cmd = exec.Command(program, "--config-file", translated)
	}
	cmd.Dir = filepath.Join(data, "current")
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SNAP=" + mount, "SNAP_NAME=" + name,
		"SNAP_DATA=" + filepath.Join(data, "current"), "SNAP_COMMON=" + filepath.Join(data, "common")}
	return cmd, nil
}

// translate writes a copy of a configuration file in which this machine's folder and address stand for a machine of its own.
func (d *Daemon) translate(name, config string) (string, error) {
	text, err := os.ReadFile(config)
	if err != nil {
		return "", fmt.Errorf("cannot read the configuration of snap %s: %w", name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err == nil {
		d.translateNode("", &doc)
		if out, err := yaml.Marshal(&doc); err == nil {
			text = out
		}
	} // What is no YAML goes to the program as it is: the program has to say so.
	path := filepath.Join(d.root, "run/jujusim", name+".conf.yml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("cannot translate the configuration of snap %s: %w", name, err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("cannot translate the configuration of snap %s: %w", name, err)
	}
	return path, nil
}

func (d *Daemon) translateNode(key string, n *yaml.Node) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			d.translateNode(n.Content[i].Value, n.Content[i+1])
		}
	case yaml.DocumentNode, yaml.SequenceNode:
		for _, c := range n.Content {
			d.translateNode(key, c)
		}
	case yaml.ScalarNode:
		switch {
		case strings.HasPrefix(n.Value, "/"):
			n.Value = filepath.Join(d.root, n.Value)
		case strings.HasPrefix(key, "listen-"):
			n.Value = d.listenURLs(n.Value)
		}
	}
}

// listenURLs puts the machine's addresses for "every address" into a list of URLs, and the first of them for the loopback, which a
// machine has for itself: all of ours share one.
func (d *Daemon) listenURLs(list string) string {
	var urls []string
	for _, text := range strings.Split(list, ",") {
		u, err := url.Parse(strings.TrimSpace(text))
		every := err == nil && slices.Contains([]string{"0.0.0.0", "::"}, u.Hostname())
		loopback := err == nil && slices.Contains([]string{"127.0.0.1", "::1"}, u.Hostname())
		if d.addresses[0] == "" || !every && !loopback {
			urls = append(urls, text)
			continue
		}
		port := u.Port()
		for i, address := range d.addresses {
			if loopback && i > 0 {
				break
			}
			u.Host = net.JoinHostPort(address, port)
			urls = append(urls, u.String())
		}
	}
	return strings.Join(urls, ",")
}
