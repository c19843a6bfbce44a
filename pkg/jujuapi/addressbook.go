package jujuapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"sync"

	"jujuetcd.io/pkg/pki"
)

const (
	// maxPublished is how many addresses of one controller are kept: it has seven machines at most,
	// with a few addresses each.
	maxPublished = 32
	// maxKnown is how many controllers are kept, those that published last.
	maxKnown = 16
	// maxBook is more than a book that we wrote has bytes.
	maxBook = 1 << 20
)

// AddressBook remembers the addresses that controllers published in logins: where a controller has
// gained and lost machines, the configured ones may be of no use any more. Sessions that share one
// profit from each other's logins.
//
// What a controller published is used only with the addresses and the authority that it was known
// by then: another configuration begins anew. The zero value is empty and remembers in memory only.
// It is safe for concurrent use.
type AddressBook struct {
	path   string
	write  func(path, text string) error
	failed func(error)

	mu      sync.Mutex
	entries []bookEntry // the one that published last is last
}

// bookEntry is what one controller published.
type bookEntry struct {
	// Configured and CA, a fingerprint, are what it was known by.
	Configured []string `json:"configured"`
	CA         string   `json:"ca"`
	// Controller is its UUID.
	Controller string   `json:"controller,omitempty"`
	Addresses  []string `json:"addresses"`
}

// OpenAddressBook reads the book at path, and keeps there what is learnt: write puts a file on disk
// whole or not at all; nil keeps nothing, for who only looks. A book is never worth stopping for:
// failed is called with the error of one that cannot be read, and is empty then, and of what cannot
// be kept.
func OpenAddressBook(path string, write func(path, text string) error, failed func(error)) *AddressBook {
	b := &AddressBook{path: path, write: write, failed: failed}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b
	}
	var text []byte
	if err == nil && info.Size() > maxBook {
		err = errors.New("it is too long")
	}
	if err == nil {
		text, err = os.ReadFile(path)
	}
	if err == nil {
		err = json.Unmarshal(text, &b.entries)
	}
	if err != nil {
		b.entries = nil
		failed(fmt.Errorf("cannot read the addresses that controllers told of themselves: %s: %w", path, err))
	}
	return b
}

// look returns what the controller that is known so has published; nothing where nothing was, or
// may be, learnt of it.
func (b *AddressBook) look(c Controller) bookEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := knownBy(c)
	if i := b.find(known); i >= 0 && known.CA != "" {
		known = b.entries[i]
	}
	return known
}

// learn takes in what a login gave. Only a controller with an authority of its own can be told from
// others at any address.
func (b *AddressBook) learn(c Controller, info LoginInfo) {
	entry := knownBy(c)
	entry.Controller = info.ControllerUUID
	for _, address := range info.Addresses {
		if _, err := parseAddress(address); err == nil && !slices.Contains(entry.Addresses, address) && len(entry.Addresses) < maxPublished {
			entry.Addresses = append(entry.Addresses, address)
		}
	}
	if entry.CA != "" && len(entry.Addresses) > 0 {
		b.put(entry)
	}
}

// strike takes out an address at which another controller answers now.
func (b *AddressBook) strike(c Controller, hostPort string) {
	entry := b.look(c)
	entry.Addresses = slices.DeleteFunc(slices.Clone(entry.Addresses), func(a string) bool { return a == hostPort })
	b.put(entry)
}

func (b *AddressBook) put(entry bookEntry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := b.find(entry); i >= 0 {
		if reflect.DeepEqual(b.entries[i], entry) {
			return
		}
		b.entries = slices.Delete(b.entries, i, i+1)
	}
	b.entries = append(b.entries, entry)
	b.entries = b.entries[max(0, len(b.entries)-maxKnown):]
	if b.write == nil {
		return
	}
	text, err := json.MarshalIndent(b.entries, "", "  ")
	if err == nil {
		err = b.write(b.path, string(text)+"\n")
	}
	if err != nil {
		b.failed(fmt.Errorf("cannot keep the addresses that a controller told of itself: %w", err))
	}
}

// find is the index of the entry of who is known by the same, or less than 0; mu is held.
func (b *AddressBook) find(known bookEntry) int {
	return slices.IndexFunc(b.entries, func(e bookEntry) bool {
		return e.CA == known.CA && slices.Equal(e.Configured, known.Configured)
	})
}

// knownBy is an entry that has nothing yet but what the controller is known by.
func knownBy(c Controller) bookEntry {
	return bookEntry{Configured: slices.Compact(slices.Sorted(slices.Values(c.Addresses))), CA: fingerprint(c.CACert)}
}

// fingerprint is of the certificates in PEM text; empty if there are none.
func fingerprint(ca string) string {
	all := pki.DER(ca)
	if len(all) == 0 {
		return ""
	}
	sum := sha256.Sum256(bytes.Join(all, nil))
	return hex.EncodeToString(sum[:])
}
