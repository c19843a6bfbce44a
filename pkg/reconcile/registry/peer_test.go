package registry

import (
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// directory is one that belongs to a user.
type directory struct {
	mode  fs.FileMode
	owner uint32
}

func (directory) Name() string        { return "dir" }
func (directory) Size() int64         { return 0 }
func (d directory) Mode() fs.FileMode { return fs.ModeDir | d.mode }
func (directory) ModTime() time.Time  { return time.Time{} }
func (directory) IsDir() bool         { return true }
func (d directory) Sys() any          { return &syscall.Stat_t{Uid: d.owner} }

// A socket that somebody else has put where the daemon's would be is not believed.
func TestOnlyOnesOwnDaemonIsBelieved(t *testing.T) {
	tmp := directory{0o777 | fs.ModeSticky, 0}
	for _, test := range []struct {
		name          string
		listens, self uint32
		dir           directory
		want          bool
	}{
		{"one's own", 1000, 1000, directory{0o700, 1000}, true},
		{"one's own in /tmp", 1000, 1000, tmp, true},
		{"root's", 0, 1000, tmp, true},
		{"somebody else's in /tmp", 1001, 1000, tmp, false},
		{"somebody else's in his directory", 1001, 1000, directory{0o755, 1001}, false},
		{"for root: a service's in its runtime directory", 997, 0, directory{0o755, 997}, true},
		{"for root: somebody's in /tmp", 1001, 0, tmp, false},
		{"for root: somebody's in another's directory", 1001, 0, directory{0o755, 1000}, false},
		{"for root: somebody's in a directory of a group", 1001, 0, directory{0o775, 0}, false},
	} {
		if err := trusted(test.listens, test.self, test.dir); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestASocketIsNotPutIntoAnotherUsersDirectory(t *testing.T) {
	for _, test := range []struct {
		name string
		dir  directory
		want bool
	}{
		{"one's own", directory{0o700, 1000}, true},
		{"root's", directory{0o755, 0}, true},
		{"/tmp", directory{0o777 | fs.ModeSticky, 0}, true},
		{"another user's", directory{0o700, 1001}, false},
		{"everybody's", directory{0o777, 1000}, false},
	} {
		if err := ownDirectory(test.dir, 1000); (err == nil) != test.want {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// The check is asked on the way: a client does not speak to whom it does not trust.
func TestTheKernelSaysWhoListens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	listener, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if _, err := dial(t.Context(), path+"x"); err == nil || strings.Contains(err.Error(), "neither you nor root") {
		t.Errorf("error %v", err)
	}
}
