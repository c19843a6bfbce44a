package server

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// maxControllers is how many controller machines there may have been: addresses from the tenth on
// are those of the models' machines.
const maxControllers = 9

// machine is a controller's machine, which is no more than an address of the API here. Its number
// is never given again.
type machine struct {
	address netip.AddrPort
	// listener is nil while the machine is down.
	listener net.Listener
	removed  bool
}

// Machine is a controller's machine as it is shown.
type Machine struct {
	Number  int
	Address string
	Up      bool
}

// Machines are the controller's, those that were removed left out.
func (s *Server) Machines() []Machine {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Machine
	for n, m := range s.machines {
		if !m.removed {
			all = append(all, Machine{n, m.address.String(), m.listener != nil})
		}
	}
	return all
}

// AddController gives the controller one more machine, as enabling high availability does, at the
// next address and the same port. Logins report it from now on.
func (s *Server) AddController() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.machines)
	if n >= maxControllers {
		return fmt.Errorf("cannot add a controller machine: there have been %d", n)
	}
	last := s.machines[n-1].address
	m := &machine{address: netip.AddrPortFrom(last.Addr().Next(), last.Port())}
	if err := s.up(m); err != nil {
		return fmt.Errorf("cannot add controller machine %d: %w", n, err)
	}
	s.machines = append(s.machines, m)
	return nil
}

// StopController takes a machine down: its connections break, and it does not listen. Logins by the
// others still report it.
func (s *Server) StopController(number string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(number)
	if err != nil {
		return fmt.Errorf("cannot stop controller machine %s: %w", number, err)
	}
	s.down(m)
	return nil
}

// StartController has a machine listen again.
func (s *Server) StartController(number string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(number)
	if err == nil && m.listener == nil {
		err = s.up(m)
	}
	if err != nil {
		return fmt.Errorf("cannot start controller machine %s: %w", number, err)
	}
	return nil
}

// RemoveController takes a machine down for good, and logins report it no more.
func (s *Server) RemoveController(number string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.machine(number)
	if err == nil && len(s.servers()) == 1 {
		err = errors.New("it is the last one")
	}
	if err != nil {
		return fmt.Errorf("cannot remove controller machine %s: %w", number, err)
	}
	s.down(m)
	m.removed = true
	return nil
}

// machine finds one by its number; s.mu is held.
func (s *Server) machine(number string) (*machine, error) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n >= len(s.machines) || s.machines[n].removed {
		return nil, errors.New("there is no such machine")
	}
	return s.machines[n], nil
}

// up has the machine listen, and serve if the server runs; s.mu is held.
func (s *Server) up(m *machine) error {
	if s.closed {
		return http.ErrServerClosed
	}
	listener, err := net.Listen("tcp", m.address.String())
	if err != nil {
		return err
	}
	m.listener = listener
	m.address = listener.Addr().(*net.TCPAddr).AddrPort()
	s.serve(m)
	return nil
}

// serve serves what comes in by the machine, if the server runs; s.mu is held.
func (s *Server) serve(m *machine) {
	if s.web == nil || m.listener == nil {
		return
	}
	listener := &refusingListener{m.listener, s.faults}
	s.work.Go(func() {
		if err := s.web.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.fail(err)
		}
	})
}

// down closes the machine's listener, and breaks its connections; s.mu is held.
func (s *Server) down(m *machine) {
	if m.listener == nil {
		return
	}
	_ = m.listener.Close()
	m.listener = nil
	for c := range s.conns {
		if c.at == m.address.String() {
			_ = c.ws.CloseNow()
		}
	}
}

// isDown says that what comes in at this address comes too late; s.mu is held.
func (s *Server) isDown(address string) bool {
	for _, m := range s.machines {
		if m.address.String() == address {
			return m.listener == nil
		}
	}
	return false
}

// known is what a login reports of the controller's machines.
func (s *Server) known() [][]wire.HostPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.servers()
}

// servers are the controller's machines as a login reports them: whether they are up or not, one
// list each; s.mu is held.
func (s *Server) servers() [][]wire.HostPort {
	var all [][]wire.HostPort
	for _, m := range s.machines {
		if !m.removed {
			all = append(all, []wire.HostPort{hostPort(m.address)})
		}
	}
	return all
}

func hostPort(address netip.AddrPort) wire.HostPort {
	kind := "ipv4"
	if address.Addr().Is6() {
		kind = "ipv6"
	}
	// A loopback address would have the scope local-machine, which clients leave out.
	return wire.HostPort{Value: address.Addr().String(), Type: kind, Scope: "public", Port: int(address.Port())}
}
