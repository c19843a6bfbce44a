package machine

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"jujuetcd.io/pkg/apis/v1alpha1"
)

// portsFree tries the ports for clients and for peers that etcd will have after its start: one that another process has would keep it
// down, and a member that was added and cannot start is in the way of all others. Its ports are those that a running etcd of this unit
// has, at whatever address: it may listen on all of them, those that the machine has got since included. What cannot be tried is left
// to etcd, because the address is not the machine's own, or the port is one that only others may have.
func (a *application) portsFree(has ...string) error {
	var taken []string
	e := a.spec.Etcd
	for _, end := range []struct{ listen, advertise []string }{
		{e.ListenClientURLs, e.AdvertiseClientURLs}, {e.ListenPeerURLs, e.AdvertisePeerURLs},
	} {
		for _, u := range end.advertise {
			if slices.Contains(has, portOf(u)) {
				continue
			}
			listener, err := net.Listen("tcp", a.bindsAt(end.listen, u))
			if err == nil {
				err = listener.Close()
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				taken = append(taken, addressOf(u))
			}
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return failed(v1alpha1.ReasonPortInUse, fmt.Errorf("cannot start etcd: another process listens at %s; end it, or choose another port",
		strings.Join(taken, " and at ")))
}

// bindsAt is where etcd binds that advertises the URL: all addresses include those at which only the machine itself could be reached.
// Below another root the machine is a part of this one, and has its own address in the place of all.
func (a *application) bindsAt(listen []string, advertise string) string {
	for _, u := range listen {
		host, port, err := net.SplitHostPort(addressOf(u))
		if err != nil || port != portOf(advertise) {
			continue
		}
		if ip := net.ParseIP(host); ip.IsUnspecified() && a.m.o.Root != "/" {
			break
		}
		return addressOf(u)
	}
	return addressOf(advertise)
}

// portOf is a URL's port.
func portOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Port()
}

// addressOf is a URL's address with its port.
func addressOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Host
}
