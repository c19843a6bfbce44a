package snapshot

import (
	"archive/tar"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"

	"jujuetcd.io/pkg/printable"
)

// refused is why an archive cannot be used, for the person who named it.
func refused(path string, why error) error {
	return fmt.Errorf("cannot use %s: %w", printable.Line(path, printable.Reason), why)
}

// unreadable says in words what a reader of gzip or tar has met.
func unreadable(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it is cut short: copy it again, and compare its sha256")
	case errors.Is(err, gzip.ErrChecksum):
		return errors.New("it is damaged: gzip's checksum is not that of its bytes")
	case errors.As(err, &corrupt), errors.Is(err, gzip.ErrHeader):
		return errors.New("it is damaged: it is no whole gzip")
	case errors.Is(err, tar.ErrHeader):
		return errors.New("it is damaged: it is no whole tar")
	}
	return err
}
