package snapshot

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
)

// An archive of a schedule may be encrypted to public keys, in the form of age (https://age-encryption.org/v1):
// the tar.gz that it would be else is what comes out of it. Nobody needs a private key to keep, to list
// and to remove it; whoever restores it needs one.

// SealedSuffix ends the name of one that is encrypted.
const SealedSuffix = ".age"

// sealedMagic begins one.
const sealedMagic = "age-encryption.org/v1\n"

// errSealed is of what only a Proven has read.
var errSealed = errors.New("it is encrypted: what is in it is not read without the identity that opens it")

func isSealed(head []byte) bool { return bytes.HasPrefix(head, []byte(sealedMagic)) }

// seal encrypts what is written to the result, to who has a private key of any of the recipients; what is
// written is whole when the result is closed. It never writes in the clear: without recipients it fails.
func seal(to io.Writer, recipients []string) (io.WriteCloser, error) {
	parsed := make([]age.Recipient, 0, len(recipients))
	for _, r := range recipients {
		one, err := age.ParseX25519Recipient(r)
		if err != nil {
			// The library repeats what it was given.
			return nil, errors.New("cannot encrypt it: a recipient is no public key of age")
		}
		parsed = append(parsed, one)
	}
	sealed, err := age.Encrypt(to, parsed...)
	if err != nil {
		return nil, fmt.Errorf("cannot encrypt it: %w", err)
	}
	return sealed, nil
}

// inspectSealed looks at what is encrypted: at what stands beside it, and, if it is to be restored, at
// what is in it.
func (l *looking) inspectSealed(ctx context.Context, s *source) (beside []known, err error) {
	l.Encrypted, l.Form = true, FormSealed
	said, err := statedOf(ctx, l.Path)
	if err != nil {
		return nil, err
	}
	if said != nil {
		l.Origin, l.Revision, beside = &said.Origin, said.Origin.Revision, []known{said.known()}
	}
	if !l.keep && !l.open {
		return beside, nil
	}
	unsealed, err := l.identity.unseal(s)
	if err != nil {
		return beside, err
	}
	head, err := unsealed.Peek(len(gzipMagic))
	if !isPacked(head) && (err == nil || errors.Is(err, io.EOF)) {
		err = errors.New("it is encrypted, and what is in it is no tar.gz")
	}
	if err == nil {
		// It is read to its end, which says that nothing is cut off.
		err = l.inspectTar(ctx, unsealed)
	}
	return beside, err
}

// unseal is what comes out of an archive that is encrypted. What it gives has been authenticated, in
// pieces of 64 KiB, and it ends without a fault only where the archive does.
func (i Identity) unseal(r io.Reader) (*bufio.Reader, error) {
	identities, err := i.read()
	if err != nil {
		_, missing := errors.AsType[noIdentityError](err)
		return nil, &closedError{missing, fmt.Errorf("it is encrypted, and %w", err)}
	}
	from := &remembering{r: r}
	opened, err := age.Decrypt(from, identities...)
	switch _, none := errors.AsType[*age.NoIdentityMatchError](err); {
	case none:
		return nil, &closedError{false, fmt.Errorf("it is encrypted, and to none of the identities in %s: put the one there that it was encrypted to", i.Name)}
	case err != nil:
		return nil, from.unreadable()
	}
	return bufio.NewReaderSize(&unsealing{opened, from}, window), nil
}

// remembering is what is encrypted, and why it cannot be read, which age tells in words of its own.
type remembering struct {
	r     io.Reader
	fault error
}

func (r *remembering) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.fault = err
	}
	return n, err
}

// unreadable tells a fault of the disk, or the end of the caller's time, from one of the archive.
func (r *remembering) unreadable() error {
	if r.fault != nil {
		return r.fault
	}
	return errors.New("it is damaged or cut short: it cannot be decrypted to its end")
}

// unsealing says in words why what is encrypted cannot be read on.
type unsealing struct {
	io.Reader
	from *remembering
}

func (u *unsealing) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = u.from.unreadable()
	}
	return n, err
}
