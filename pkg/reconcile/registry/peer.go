package registry

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// dial connects to the socket, if who listens there may be trusted: what he says becomes a user's view of the cluster, and the keys and
// addresses that he goes on with. Below /tmp anybody may have been first.
func dial(ctx context.Context, path string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := vouched(conn.(*net.UnixConn), path); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// vouched asks the kernel who listens.
func vouched(conn *net.UnixConn, path string) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("cannot tell who listens: %w", err)
	}
	var peer *syscall.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) {
		peer, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}); err != nil {
		failed = err
	}
	if failed != nil {
		return fmt.Errorf("cannot tell who listens: %w", failed)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("cannot look at the socket's directory: %w", err)
	}
	return trusted(peer.Uid, uint32(os.Geteuid()), dir)
}

// trusted says why a listener of a user must not be believed; nil if he may. One's own and root may, and root may believe a service's
// user of whom the directory is, or where root alone has let him in.
func trusted(listens, self uint32, dir fs.FileInfo) error {
	owner := dir.Sys().(*syscall.Stat_t).Uid
	switch {
	case listens == self, listens == 0:
		return nil
	case self == 0 && dir.Mode().Perm()&0o022 == 0 && (owner == 0 || owner == listens):
		return nil
	}
	return fmt.Errorf("a program of user %d listens there, which is neither you nor root: name the daemon's socket with --socket", listens)
}

// ownDirectory says why a daemon must not put its socket into a directory: who owns it, or may write in it, can put his own there.
func ownDirectory(dir fs.FileInfo, self uint32) error {
	owner := dir.Sys().(*syscall.Stat_t).Uid
	switch {
	case owner != self && owner != 0:
		return fmt.Errorf("it belongs to user %d", owner)
	case dir.Mode().Perm()&0o002 != 0 && dir.Mode()&fs.ModeSticky == 0:
		return fmt.Errorf("everybody may write in it")
	}
	return nil
}
