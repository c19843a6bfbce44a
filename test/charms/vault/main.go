// Command vault is the dispatch of a small charm that plays the Vault charm as a provider of the classic tls-certificates protocol.
// What it writes into its relations is in package classic.
//
// As with Vault, ca is the root, chain the intermediate authority that signs, keys are RSA, certificates hold no text for people, a
// client's is good for clients alone, and nothing is issued anew before its names change or somebody runs reissue-certificates.
// Unlike Vault, one unit does: it has no leader, and is never sealed.
//
// # Who writes what
//
//	ROOT/var/lib/vault/{root,intermediate,issued/NAME}.{crt,key}     this charm, root-only
package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/charm/hooktool"
	"jujuetcd.io/test/charms/classic"
	"jujuetcd.io/test/charms/dispatch"
)

// authorityLife is how long the two authorities are good, as the Vault charm has it for its root.
const authorityLife = 87599 * time.Hour

func main() {
	dispatch.Main("vault", func(ctx context.Context) error { return run(ctx, os.Getenv("JUJU_DISPATCH_PATH")) })
}

func run(ctx context.Context, path string) error {
	dir := filepath.Join(classic.Root(), "var/lib/vault")
	switch {
	case path == "hooks/install" || path == "hooks/remove" || path == "hooks/stop":
		return nil
	case path == "actions/reissue-certificates":
		if err := os.RemoveAll(filepath.Join(dir, "issued")); err != nil {
			return err
		}
	case strings.HasPrefix(path, "actions/"):
		return fmt.Errorf("cannot run %s: there is no such action", path)
	}
	text, err := classic.Option(ctx, "default-ttl")
	if err != nil {
		return err
	}
	life, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("cannot read option default-ttl: %w", err)
	}
	a, err := open(dir, life)
	if err != nil {
		return err
	}
	if err := classic.Dispatch(ctx, "certificates", a); err != nil {
		return err
	}
	if os.Getenv("JUJU_HOOK_NAME") == "update-status" {
		return nil // nothing has changed: no new status either
	}
	return hooktool.New(hooktool.Exec{}).SetStatus(ctx, v1alpha1.StatusText{State: "active", Message: "Unit is ready (active: true, mlock: disabled)"})
}

// authority is a root, and the intermediate authority that signs.
type authority struct {
	store     classic.Store
	life      time.Duration
	signer    classic.Signer
	ca, chain string
}

func newKey() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// open reads the authorities, or makes them.
func open(dir string, life time.Duration) (*authority, error) {
	a := &authority{store: classic.Store{Dir: dir, NewKey: newKey}, life: life}
	root, err := a.store.Signer("root", func(key crypto.Signer) (classic.Pair, error) {
		return classic.Signer{}.Authority("Vault Root Certificate Authority", key, authorityLife)
	})
	if err != nil {
		return nil, err
	}
	a.signer, err = a.store.Signer("intermediate", func(key crypto.Signer) (classic.Pair, error) {
		return root.Authority("Vault Intermediate Certificate Authority", key, authorityLife)
	})
	if err != nil {
		return nil, err
	}
	for name, into := range map[string]*string{"root": &a.ca, "intermediate": &a.chain} {
		p, err := a.store.Read(name)
		if err != nil {
			return nil, err
		}
		*into = p.Cert
	}
	return a, nil
}

func (a *authority) CA() string    { return a.ca }
func (a *authority) Chain() string { return a.chain }

func (a *authority) Issue(name string, purpose classic.Purpose, commonName string, sans []string) (classic.Pair, error) {
	return a.store.Leaf("issued/"+name, a.signer, commonName, sans, func(key crypto.Signer) (classic.Pair, error) {
		template := &x509.Certificate{Subject: pkix.Name{CommonName: commonName}, NotAfter: time.Now().Add(a.life)}
		return a.signer.Leaf(template, purpose, key, sans)
	})
}
