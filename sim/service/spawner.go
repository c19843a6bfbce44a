package service

import (
	"errors"
	"os/exec"
	"sync"
	"syscall"

	"jujuetcd.io/sim/netns"
)

// Spawner starts processes that die with this program. Linux sends the parent-death signal when the thread that forked ends,
// and Go ends threads now and then (https://go.dev/issue/27505): so one thread is kept for it, until Close.
type Spawner struct {
	work chan func()
	done chan struct{}
	once sync.Once
	wg   sync.WaitGroup
	err  error // why nothing can be started
}

// ErrClosed is returned for a start after Close.
var ErrClosed = errors.New("cannot start a process: the machine is being shut down")

// NewSpawner starts the thread, and takes it where enter says, if that is not nil: the machine's network.
func NewSpawner(enter func() error) *Spawner {
	s := &Spawner{work: make(chan func()), done: make(chan struct{})}
	s.wg.Go(func() {
		// Whatever the thread has started is killed when it ends.
		netns.OnThread(func() {
			if enter != nil {
				s.err = enter()
			}
			for {
				select {
				case f := <-s.work:
					f()
				case <-s.done:
					return
				}
			}
		})
	})
	return s
}

// Start starts the command in a process group of its own, with SIGKILL as its parent-death signal.
func (s *Spawner) Start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	result := make(chan error, 1)
	select {
	case s.work <- func() {
		if s.err != nil {
			result <- s.err // not on the host instead
			return
		}
		result <- cmd.Start()
	}:
		return <-result
	case <-s.done:
		return ErrClosed
	}
}

// Close ends the thread, and with it what still runs of the processes. It may be called twice.
func (s *Spawner) Close() {
	s.once.Do(func() { close(s.done) })
	s.wg.Wait()
}
