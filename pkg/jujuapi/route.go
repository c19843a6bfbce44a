package jujuapi

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
)

// route is one way to a controller.
type route struct {
	endpoint
	// published says that it is not configured: only a login gave it, and the controller must prove
	// itself there by its own authority.
	published bool
}

// routes are the ways to a controller, each once. The later ones are for when none of the first
// ones answers.
type routes struct{ first, later []route }

// routesTo are those that are configured, then those that the controller published, each in random
// order; then those where somebody answered and did not let us in, the latest last: a controller's
// machine that answers and is of no use must not hide one that is.
func routesTo(c Controller, published []string, rejections []fault) (routes, error) {
	endpoints, err := c.endpoints()
	if err != nil {
		return routes{}, err
	}
	var r routes
	for _, e := range endpoints {
		r.first = append(r.first, route{endpoint: e})
	}
	for _, address := range published[:min(len(published), maxPublished)] {
		// A published address that makes no sense is no reason not to try the others.
		if e, err := parseAddress(address); err == nil && !slices.Contains(endpoints, e) {
			r.later = append(r.later, route{e, true})
		}
	}
	for _, list := range [][]route{r.first, r.later} {
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	all := slices.Concat(r.first, r.later)
	for _, rejected := range rejections {
		same := func(k route) bool { return k.endpoint == rejected.endpoint }
		r.first, r.later = slices.DeleteFunc(r.first, same), slices.DeleteFunc(r.later, same)
		if i := slices.IndexFunc(all, same); i >= 0 {
			r.later = append(r.later, all[i])
		}
	}
	return r, nil
}

// fault is why a route leads nowhere.
type fault struct {
	route
	err error
}

// failure is the error where no route leads anywhere. It needs a person only if it does on each: an
// address that belongs to somebody else by now says nothing about a controller that may come back
// at another one.
func failure(faults []fault) error {
	person := !slices.ContainsFunc(faults, func(f fault) bool { return !untrusted(f.err) })
	var all []error
	for _, f := range faults {
		if person || !untrusted(f.err) {
			all = append(all, fmt.Errorf("cannot connect to %s: %w", f.hostPort, f.err))
		} else {
			all = append(all, fmt.Errorf("cannot connect to %s: %v", f.hostPort, f.err)) //nolint:errorlint // nobody may act on it: see above
		}
	}
	return errors.Join(all...)
}

// silent are the configured addresses, each with what was wrong there.
func silent(c Controller, faults []fault) []string {
	endpoints, _ := c.endpoints() // they were dialled
	var all []string
	for _, e := range endpoints {
		why := reason(context.Canceled)
		if i := slices.IndexFunc(faults, func(f fault) bool { return f.endpoint == e }); i >= 0 {
			why = reason(faults[i].err)
		}
		all = append(all, fmt.Sprintf("%s (%s)", e.hostPort, why))
	}
	return all
}

// reason is why a route leads nowhere, in a few words.
func reason(err error) string {
	errno, system := errors.AsType[syscall.Errno](err)
	switch {
	case untrusted(err):
		return "its certificate is not trusted"
	case system:
		return errno.Error()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "no answer"
	}
	return err.Error()
}
