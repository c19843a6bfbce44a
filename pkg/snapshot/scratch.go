package snapshot

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// spare is what stays free of a disk in any case: etcd on the same one stops when it is full.
const spare = 64 << 20

// fallback is where an archive is unpacked whose own folder takes no files. It is on disk, which
// /tmp often is not.
const fallback = "/var/tmp"

// room are the folders that an archive may be unpacked in, the best first.
type room []string

func beside(archive string) room { return room{filepath.Dir(archive), fallback} }

// scratch is a file without a name, which is gone when it is closed, whatever becomes of us.
func (r room) scratch(size int64) (*os.File, error) {
	var why error
	for _, dir := range r {
		err := Free(dir, size)
		if err == nil {
			var f *os.File
			if f, err = unnamed(dir); err == nil {
				return f, nil
			}
		}
		why = errors.Join(why, err)
	}
	return nil, fmt.Errorf("it cannot be unpacked to be looked at: %w", why)
}

func unnamed(dir string) (*os.File, error) {
	f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600)
	if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) {
		return f, err
	}
	// A file system that has no such files, as overlayfs has not on old kernels.
	if f, err = os.CreateTemp(dir, partPrefix+"*"); err != nil {
		return nil, err
	}
	if err = os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Free is an error unless the disk that a folder is on has room for so many bytes, and some to
// spare.
func Free(dir string, size int64) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("cannot find out how much of the disk of %s is free: %w", dir, err)
	}
	free := int64(fs.Bavail * uint64(fs.Bsize))
	if free-spare < size {
		return fmt.Errorf("the disk of %s has %s free, and it needs %s", dir, Size(free), Size(size+spare))
	}
	return nil
}

// Size is a number of bytes as people say it, as du -h does: rounded up.
func Size(n int64) string {
	const units = "BKMGTP"
	value, unit := float64(n), 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	switch {
	case unit == 0:
		return fmt.Sprintf("%d", n)
	case value < 9.95:
		return fmt.Sprintf("%.1f%c", math.Ceil(value*10)/10, units[unit])
	}
	return fmt.Sprintf("%.0f%c", math.Ceil(value), units[unit])
}
