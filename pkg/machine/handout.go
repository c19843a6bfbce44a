package machine

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/durable"
)

// HandOut writes a file for the person who runs an action, and returns its path: in the home of
// whom juju scp logs in as, who alone may read it. It replaces one of that name, and follows no
// link that its owner may have put there.
func (m *Machine) HandOut(name string, data []byte) (path string, err error) {
	owner, err := m.loginUser()
	if err != nil {
		return "", fmt.Errorf("cannot hand %s out: %w", name, err)
	}
	if err := m.disk.MkdirAll(m.path(v1alpha1.LoginHome), 0o755); err != nil {
		return "", err
	}
	path = v1alpha1.LoginHome + "/" + name
	_, err = m.disk.Write(durable.File{Path: m.path(path), Data: data, Mode: 0o600, Owner: owner})
	return path, err
}

// loginUser is whom juju scp logs in as; nil where the machine has no such user.
func (m *Machine) loginUser() (*durable.Owner, error) {
	text, err := os.ReadFile(m.path("/etc/passwd"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Split(line, ":")
		if fields[0] != v1alpha1.LoginUser || len(fields) < 4 {
			continue
		}
		uid, err := strconv.Atoi(fields[2])
		if err != nil {
			return nil, fmt.Errorf("cannot read the user number of %s: %w", v1alpha1.LoginUser, err)
		}
		gid, err := strconv.Atoi(fields[3])
		if err != nil {
			return nil, fmt.Errorf("cannot read the group number of %s: %w", v1alpha1.LoginUser, err)
		}
		return &durable.Owner{UID: uid, GID: gid}, nil
	}
	return nil, nil
}
