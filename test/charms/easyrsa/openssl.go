package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"jujuetcd.io/test/charms/classic"
)

// share is where Debian's package easy-rsa has its program and profiles.
const share = "/usr/share/easy-rsa"

// easyRSA is the CA of the easyrsa charm: the program easy-rsa, with its profiles, and OpenSSL.
type easyRSA struct {
	ctx  context.Context
	pki  string
	days int
	ca   classic.Signer
	text string
}

// openEasyRSA reads the authority, or has easy-rsa make it.
func openEasyRSA(ctx context.Context, dir string, days int) (*easyRSA, error) {
	a := &easyRSA{ctx: ctx, pki: filepath.Join(dir, "pki"), days: days}
	if _, err := os.Stat(a.file("ca.crt")); errors.Is(err, fs.ErrNotExist) {
		address, err := classic.Address(ctx)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if err := a.run("init-pki"); err != nil {
			return nil, err
		}
		if err := a.run("--req-cn="+address, "build-ca", "nopass"); err != nil {
			return nil, err
		}
	}
	p, err := a.read("ca.crt", "private/ca.key")
	if err != nil {
		return nil, err
	}
	a.text = p.Cert
	a.ca, err = classic.Open(p)
	return a, err
}

func (a *easyRSA) CA() string    { return a.text }
func (a *easyRSA) Chain() string { return "" }

// Issue has easy-rsa make a key and sign for it, with the profiles that the easyrsa charm has: its servers are clients, too.
func (a *easyRSA) Issue(name string, purpose classic.Purpose, commonName string, sans []string) (classic.Pair, error) {
	cert, key, request := "issued/"+name+".crt", "private/"+name+".key", "reqs/"+name+".req"
	p, err := a.read(cert, key)
	if err == nil && classic.Issued(p, a.ca.Certificate, commonName, sans) {
		return p, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return classic.Pair{}, err
	}
	for _, old := range []string{cert, key, request} {
		if err := os.Remove(a.file(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return classic.Pair{}, err
		}
	}
	if err := a.run("--req-cn="+commonName, "gen-req", name, "nopass"); err != nil {
		return classic.Pair{}, err
	}
	sign := []string{"--days=" + strconv.Itoa(a.days)}
	if len(sans) > 0 {
		sign = append(sign, "--subject-alt-name="+alternatives(sans))
	}
	profile := map[classic.Purpose]string{classic.Server: "serverClient", classic.Client: "client"}[purpose]
	if err := a.run(append(sign, "sign-req", profile, name)...); err != nil {
		return classic.Pair{}, err
	}
	return a.read(cert, key)
}

func alternatives(sans []string) string {
	list := make([]string, len(sans))
	for i, name := range sans {
		if net.ParseIP(name) != nil {
			list[i] = "IP:" + name
		} else {
			list[i] = "DNS:" + name
		}
	}
	return strings.Join(list, ",")
}

func (a *easyRSA) file(name string) string { return filepath.Join(a.pki, name) }

func (a *easyRSA) read(cert, key string) (classic.Pair, error) {
	c, err := os.ReadFile(a.file(cert))
	if err != nil {
		return classic.Pair{}, err
	}
	k, err := os.ReadFile(a.file(key))
	return classic.Pair{Cert: string(c), Key: string(k)}, err
}

func (a *easyRSA) run(args ...string) error {
	cmd := exec.CommandContext(a.ctx, filepath.Join(share, "easyrsa"), append([]string{"--batch"}, args...)...)
	cmd.Env = append(os.Environ(), "EASYRSA="+share, "EASYRSA_PKI="+a.pki)
	cmd.Dir = filepath.Dir(a.pki)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot run easyrsa %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
