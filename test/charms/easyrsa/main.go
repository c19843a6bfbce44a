// Command easyrsa is the dispatch of a small charm that plays the easyrsa charm: the provider of the classic tls-certificates
// protocol that tests and the demo use. What it writes into its relations is in package classic.
//
// As with easyrsa, a certificate's text stands before its PEM block, it is issued anew only when its names change, and nothing watches
// its end. Unlike easyrsa, whose leader shares the authority, each unit of this charm would have its own: deploy one.
//
// With the option authority set to easy-rsa it is Debian's package of that name that makes the keys and signs, as the easyrsa charm has
// it do.
//
// # Who writes what
//
//	ROOT/var/lib/easyrsa/{ca,issued/NAME}.{crt,key}     this charm, root-only
//	ROOT/var/lib/easyrsa/beside.crt                     add-authority
//	ROOT/var/lib/easyrsa/pki                            easy-rsa, root-only
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/classic"
	"jujuetcd.io/test/charms/dispatch"
)

// dir is where the authority lies below the machine's root.
const dir = "var/lib/easyrsa"

func main() {
	dispatch.Main("easyrsa", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_DISPATCH_PATH")) })
}

func run(ctx context.Context, path string) error {
	dir := filepath.Join(classic.Root(), dir)
	tools := hooktool.New(hooktool.Exec{})
	switch {
	case path == "hooks/install":
		return tools.SetStatus(ctx, v1alpha1.StatusText{State: "maintenance", Message: "Making the certificate authority."})
	case path == "hooks/remove" || path == "hooks/stop":
		return nil
	case path == "actions/reissue":
		if err := forget(dir); err != nil {
			return err
		}
	case path == "actions/renew-authority":
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	case path == "actions/add-authority":
		former, err := open(ctx, dir)
		if err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, besideFile), []byte(former.CA()), 0o600); err != nil {
			return err
		}
	case strings.HasPrefix(path, "actions/"):
		return fmt.Errorf("cannot run %s: there is no such action", path)
	}
	a, err := open(ctx, dir)
	if err != nil {
		return err
	}
	kind, err := classic.Option(ctx, "odd")
	if err != nil {
		return err
	}
	if a, err = asOdd(a, kind); err != nil {
		return err
	}
	if a, err = besideFormer(a, dir); err != nil {
		return err
	}
	if err := classic.Dispatch(ctx, "client", a); err != nil {
		return err
	}
	if os.Getenv("JUJU_HOOK_NAME") == "update-status" {
		return nil // nothing has changed: no new status either
	}
	return tools.SetStatus(ctx, v1alpha1.StatusText{State: "active", Message: "Certificate Authority ready."})
}

// forget removes all certificates but the authority's, so that they are issued anew.
func forget(dir string) error {
	for _, issued := range []string{"issued/*.crt", "pki/issued/*.crt"} {
		files, err := filepath.Glob(filepath.Join(dir, issued))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	return nil
}

// besideFile holds the certificate of the authority before, while that is offered, too.
const besideFile = "beside.crt"

// beside is an authority whose bundle has the former one, too.
type beside struct {
	classic.Authority
	former string
}

func (b beside) CA() string { return b.former + b.Authority.CA() }

func besideFormer(a classic.Authority, dir string) (classic.Authority, error) {
	former, err := os.ReadFile(filepath.Join(dir, besideFile))
	if errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	return beside{a, string(former)}, err
}

// open opens the authority that the options name.
func open(ctx context.Context, dir string) (classic.Authority, error) {
	text, err := classic.Option(ctx, "validity")
	if err != nil {
		return nil, err
	}
	days, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("cannot read option validity: %w", err)
	}
	kind, err := classic.Option(ctx, "authority")
	if err != nil {
		return nil, err
	}
	switch kind {
	case "builtin":
		return openBuiltin(ctx, dir, time.Duration(days)*24*time.Hour)
	case "easy-rsa":
		return openEasyRSA(ctx, dir, days)
	}
	return nil, fmt.Errorf("cannot use option authority: it is %q, and neither builtin nor easy-rsa", kind)
}
