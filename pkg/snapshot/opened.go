package snapshot

import (
	"errors"
	"io"
)

// closedError is that what is encrypted could not be opened with the identity that there is. It says nothing
// of what is in it.
type closedError struct {
	// missing says that there is no identity at all.
	missing bool
	why     error
}

func (e *closedError) Error() string { return e.why.Error() }
func (e *closedError) Unwrap() error { return e.why }

// Opens decrypts a stream to its end, keeps nothing of it, and says why it cannot be. It reads all there is
// in any case: who writes it waits for nobody.
func (i Identity) Opens(r io.Reader) error {
	unsealed, err := i.unseal(r)
	if err == nil {
		_, err = io.Copy(io.Discard, unsealed)
	}
	if _, rest := io.Copy(io.Discard, r); err == nil {
		err = rest
	}
	return err
}

// Opened fills in what it has come to to decrypt an archive whose bytes are those that were written, as far as
// anything says so: err is nil, or from Opens. Without an identity it is those bytes that Verified speaks of; with
// one that does not open it, it cannot be restored here, and is not verified.
func (l *Listed) Opened(err error) {
	closed, is := errors.AsType[*closedError](err)
	switch {
	case err == nil:
		l.Decrypted, l.Verified = true, true
	case is:
		l.Unopened, l.Verified = closed.Error(), l.Verified && closed.missing
	default:
		l.Fault, l.Verified = refused(l.Path, err).Error(), false
	}
}
