package classic

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Store keeps pairs in a folder, for root alone, as NAME.crt and NAME.key.
type Store struct {
	Dir    string
	NewKey func() (crypto.Signer, error)
}

func (s Store) path(name, kind string) string { return filepath.Join(s.Dir, name+kind) }

// Read returns an error that is fs.ErrNotExist if there is no such pair.
func (s Store) Read(name string) (Pair, error) {
	cert, err := os.ReadFile(s.path(name, ".crt"))
	if err != nil {
		return Pair{}, err
	}
	key, err := os.ReadFile(s.path(name, ".key"))
	return Pair{Cert: string(cert), Key: string(key)}, err
}

// Write replaces the pair of that name.
func (s Store) Write(name string, p Pair) error {
	if err := os.MkdirAll(filepath.Dir(s.path(name, "")), 0o700); err != nil {
		return err
	}
	for kind, data := range map[string]string{".crt": p.Cert, ".key": p.Key} {
		target := s.path(name, kind)
		if err := os.WriteFile(target+".new", []byte(data), 0o600); err != nil {
			return err
		}
		if err := os.Rename(target+".new", target); err != nil {
			return err
		}
	}
	return nil
}

// Signer opens the authority of that name; one that is not there is made.
func (s Store) Signer(name string, sign func(crypto.Signer) (Pair, error)) (Signer, error) {
	p, err := s.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		p, err = s.make(name, sign)
	}
	if err != nil {
		return Signer{}, err
	}
	return Open(p)
}

// Leaf returns the pair of that name if it was issued by the authority for just these names, and else makes it so.
func (s Store) Leaf(name string, by Signer, commonName string, sans []string, sign func(crypto.Signer) (Pair, error)) (Pair, error) {
	p, err := s.Read(name)
	if err == nil && Issued(p, by.Certificate, commonName, sans) {
		return p, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Pair{}, err
	}
	return s.make(name, sign)
}

func (s Store) make(name string, sign func(crypto.Signer) (Pair, error)) (Pair, error) {
	key, err := s.NewKey()
	if err != nil {
		return Pair{}, fmt.Errorf("cannot make a key: %w", err)
	}
	p, err := sign(key)
	if err != nil {
		return Pair{}, err
	}
	return p, s.Write(name, p)
}
