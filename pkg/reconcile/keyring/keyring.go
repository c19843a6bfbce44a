// Package keyring keeps the daemon's own keys, and the credentials that last opened a cluster's door, in its state directory.
//
// # Use
//
// A Ring has the Keys of each cluster. Requests are what a provider that signs should see, Signed takes its answers, and Keep remembers
// credentials that work for the time after a restart, when Kept returns them. The example is a test.
//
// # Guarantees
//
//   - A request is the same text over restarts until its certificate is to be renewed, at two thirds of its life; the one in use stands
//     beside the next until that is answered.
//   - The file is 0600 in a folder that is 0700, and is there whole or not at all. It holds a private key: no error quotes it.
//   - A file that cannot be read is an error, not an empty one: the key in it may be the only one that opens the door.
//
// A Keys is for one goroutine. Only the daemon that holds the state directory's lock writes there.
package keyring

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/pki"
	"jujuetcd.io/pkg/reconcile/world"
)

// Ring is the keys of all clusters.
type Ring struct {
	Dir string
	// Write puts a file on disk, 0600 in a folder that is 0700, whole or not at all, and returns when it will survive a power cut. One
	// that does nothing is for who only looks.
	Write func(path, text string) error
}

// nameForm is what model UUIDs and application names are made of: no name leads out of the folder.
var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]*$`)

// For returns the keys of one cluster. Nothing is read or written before they are asked for.
func (r Ring) For(modelUUID, application string) *Keys {
	return &Keys{ring: r, name: modelUUID + "." + application, fit: nameForm.MatchString(modelUUID) && nameForm.MatchString(application)}
}

// Keys are the daemon's keys for one cluster.
type Keys struct {
	ring   Ring
	name   string
	fit    bool
	loaded bool
	file   file
}

// file is what is kept. Certificate answers the current request.
type file struct {
	Asked       pki.Asked `json:"asked"`
	Certificate string    `json:"certificate,omitempty"`
	Kept        kept      `json:"kept"`
}

// kept are credentials that have been used.
type kept struct {
	CA   string `json:"ca,omitempty"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
}

func (k *Keys) path() string { return filepath.Join(k.ring.Dir, k.name+".json") }

func (k *Keys) load() error {
	if k.loaded {
		return nil
	}
	if !k.fit {
		return fmt.Errorf("cannot keep keys for %q: its name is not one of Juju's", k.name)
	}
	text, err := os.ReadFile(k.path())
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return fmt.Errorf("cannot read the daemon's keys: %w", err)
	case json.Unmarshal(text, &k.file) != nil:
		// The cause would quote the text, which holds a key.
		return fmt.Errorf("cannot read the daemon's keys: %s is damaged; remove it, and new ones are asked for", k.path())
	}
	k.loaded = true
	return nil
}

func (k *Keys) save(next file) error {
	if next == k.file {
		return nil
	}
	text, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("cannot encode the daemon's keys: %w", err)
	}
	if err := k.ring.Write(k.path(), string(text)); err != nil {
		return fmt.Errorf("cannot keep the daemon's keys: %w", err)
	}
	k.file = next
	return nil
}

// Requests are the certificate signing requests that a provider should see now, as PEM.
func (k *Keys) Requests(now time.Time, commonName string) ([]string, error) {
	if err := k.load(); err != nil {
		return nil, err
	}
	next := k.file
	why := due(next.Certificate, next.Kept.CA, now)
	if next.Asked.Newest() == "" || next.Asked.Next == "" && why != "" && why != next.Asked.For {
		next.Asked.For = why
		var err error
		if next.Asked, err = next.Asked.Ask(pki.Subject{CommonName: commonName, Names: []string{commonName}}); err != nil {
			return nil, err
		}
	}
	if err := k.save(next); err != nil {
		return nil, err
	}
	return k.file.Asked.Standing(), nil
}

// Signed takes the answers to the requests, and returns the credentials that the newest of them gives under the CA bundle; empty while
// there is none.
func (k *Keys) Signed(answers []v1alpha1.SignedRequest, bundle string) (world.Credentials, error) {
	if err := k.load(); err != nil {
		return world.Credentials{}, err
	}
	next := k.file
	for _, request := range next.Asked.Standing() {
		for _, a := range answers {
			if strings.TrimSpace(a.Request) != strings.TrimSpace(request) || !fits(a.Certificate, next.Asked.Key) {
				continue
			}
			next.Certificate = a.Certificate
			if request == next.Asked.Next {
				next.Asked = next.Asked.Answered()
			} else if next.Asked.Current == "" {
				next.Asked.Current = request
			}
		}
	}
	if err := k.save(next); err != nil {
		return world.Credentials{}, err
	}
	if k.file.Certificate == "" {
		return world.Credentials{}, nil
	}
	return world.Credentials{CA: bundle, Cert: k.file.Certificate, Key: k.file.Asked.Key}, nil
}

// Keep remembers credentials that are in use.
func (k *Keys) Keep(c world.Credentials) error {
	if err := k.load(); err != nil {
		return err
	}
	next := k.file
	next.Kept = kept{CA: c.CA, Cert: c.Cert, Key: c.Key}
	return k.save(next)
}

// Kept are the credentials that were in use last; empty if there were none.
func (k *Keys) Kept() (world.Credentials, error) {
	if err := k.load(); err != nil {
		return world.Credentials{}, err
	}
	return world.Credentials{CA: k.file.Kept.CA, Cert: k.file.Kept.Cert, Key: k.file.Kept.Key}, nil
}

func fits(cert, key string) bool {
	_, err := tls.X509KeyPair([]byte(cert), []byte(key))
	return err == nil
}

// due says that a certificate is to be renewed, and what for: see pki.Due. Under the bundle it has been verified.
func due(certificate, bundle string, now time.Time) string {
	chain, _ := pki.Readable(certificate)
	above, _ := pki.Readable(bundle)
	if len(chain) == 0 {
		return ""
	}
	return pki.Due(chain[0], pki.Authority(chain, above), above, now)
}
