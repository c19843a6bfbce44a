package snapshot

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"filippo.io/age"
	"golang.org/x/sys/unix"
)

// Identity is the file with the private keys that open what is encrypted, in the form that age-keygen
// writes. It is read when it is needed, and nothing of it is kept or said. The zero value opens nothing.
type Identity struct {
	// Path is where it is, and Name what people know it by.
	Path, Name string
}

// largestIdentity is for a file that is read into memory.
const largestIdentity = 64 << 10

// noIdentityError is that there is none, rather than one that cannot be used.
type noIdentityError struct{ words string }

func (e noIdentityError) Error() string { return e.words }

func (i Identity) read() ([]age.Identity, error) {
	if i.Path == "" {
		return nil, noIdentityError{"no identity was given that opens it"}
	}
	f, err := os.OpenFile(i.Path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, noIdentityError{i.Name + " is not there: put the identity into it that it was encrypted to, owned by root and with mode 0600"}
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be opened, or is no plain file", i.Name)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be looked at", i.Name)
	}
	if err := Private(info); err != nil {
		return nil, fmt.Errorf("%s %w", i.Name, err)
	}
	identities, err := age.ParseIdentities(io.LimitReader(f, largestIdentity))
	if err != nil || len(identities) == 0 {
		// The library's words may have what is in the file.
		return nil, fmt.Errorf("%s holds something else than identities of age, as age-keygen writes them", i.Name)
	}
	return identities, nil
}

// Private is why a file with a secret is not for its owner alone, who runs this.
func Private(info fs.FileInfo) error {
	stat, is := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return errors.New("is no plain file")
	case info.Mode().Perm()&0o077 != 0, !is, int(stat.Uid) != os.Geteuid():
		return errors.New("must belong to root, and be for nobody else: chown root: and chmod 600")
	}
	return nil
}
