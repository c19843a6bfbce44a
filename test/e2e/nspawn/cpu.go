package nspawn

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// getMountNamespaceID is NS_GET_MNTNS_ID of linux/nsfs.h.
const getMountNamespaceID = 0x8008b705

// birthplace is the processor that a machine should be born on, and whether it matters.
//
// snap-confine keeps a snap's mount namespace by a bind mount of it, which the kernel allows only where the new namespace has a
// higher number than the one that the mount is in. From Linux 6.18 each processor hands out numbers from a batch of its own, so
// that a machine born on one with high numbers cannot run snaps on the others ("cannot preserve mount namespace").
func birthplace() (cpu int, matters bool) {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return 0, false
	}
	lowest := uint64(0)
	for n := range len(allowed) * 64 {
		if !allowed.IsSet(n) {
			continue
		}
		id, err := namespaceBornOn(n)
		if err != nil {
			return 0, false // an older kernel, which numbers them in order
		}
		if !matters || id < lowest {
			cpu, lowest, matters = n, id, true
		}
	}
	return cpu, matters
}

// namespaceBornOn makes a mount namespace on a processor, on a thread that ends with it, and returns its number.
func namespaceBornOn(cpu int) (uint64, error) {
	type answer struct {
		id  uint64
		err error
	}
	done := make(chan answer, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread must not be used again
		id, err := newNamespace(cpu)
		done <- answer{id, err}
	}()
	a := <-done
	return a.id, a.err
}

func newNamespace(cpu int) (uint64, error) {
	var one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return 0, fmt.Errorf("cannot run on processor %d: %w", cpu, err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return 0, fmt.Errorf("cannot make a mount namespace: %w", err)
	}
	file, err := os.Open("/proc/thread-self/ns/mnt")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	var id uint64
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, file.Fd(), getMountNamespaceID, uintptr(unsafe.Pointer(&id))); errno != 0 {
		return 0, errno
	}
	return id, nil
}

// setFree lets a process that was born on one processor run on all.
func setFree(pid int) error {
	var allowed unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return err
	}
	return unix.SchedSetaffinity(pid, &allowed)
}
