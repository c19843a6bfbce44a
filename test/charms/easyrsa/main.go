// Command easyrsa is the dispatch of a small charm that plays the easyrsa charm: the provider of the classic tls-certificates
// protocol that tests and the demo use.
//
// For every relation on its endpoint client it writes into its own unit databag: ca, client.cert, client.key; and for each remote
// unit that has asked (unit_name, common_name, sans), named with an underscore: <unit>.server.cert and .key,
// <unit>.processed_requests for the further names in cert_requests, and <unit>.processed_client_requests.
//
// As with easyrsa, a certificate's text stands before its PEM block, it is good for servers and clients alike, it is issued anew
// only when its names change, and nothing watches its end. Unlike easyrsa, whose leader shares the authority, each unit of this
// charm would have its own: deploy one.
//
// # Who writes what
//
//	ROOT/var/lib/easyrsa/{ca,client,issued/NAME}.{crt,key}     this charm, root-only
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dir is where the authority lies below the machine's root.
const dir = "var/lib/easyrsa"

func main() {
	if err := run(os.Getenv("JUJU_DISPATCH_PATH")); err != nil {
		fmt.Fprintln(os.Stderr, "easyrsa:", err)
		os.Exit(1)
	}
}

func run(path string) error {
	root := os.Getenv("JUJUETCD_ROOT")
	if root == "" {
		root = "/"
	}
	days := 0
	if err := ask(&days, "config-get", "validity"); err != nil {
		return err
	}
	a := authority{dir: filepath.Join(root, dir), days: days}
	switch {
	case path == "hooks/install":
		return tell("status-set", "maintenance", "Making the certificate authority.")
	case path == "hooks/remove" || path == "hooks/stop":
		return nil
	case path == "actions/reissue":
		if err := os.RemoveAll(filepath.Join(a.dir, "issued")); err != nil {
			return err
		}
	case path == "actions/renew-authority":
		if err := os.RemoveAll(a.dir); err != nil {
			return err
		}
	case strings.HasPrefix(path, "actions/"):
		return fmt.Errorf("cannot run %s: there is no such action", path)
	}
	if err := a.open(); err != nil {
		return err
	}
	gone := ""
	if strings.HasSuffix(path, "-relation-broken") {
		gone = os.Getenv("JUJU_RELATION_ID")
	}
	if err := answerAll(a, gone); err != nil {
		return err
	}
	if os.Getenv("JUJU_HOOK_NAME") == "update-status" {
		return nil // nothing has changed: no new status either
	}
	return tell("status-set", "active", "Certificate Authority ready.")
}
