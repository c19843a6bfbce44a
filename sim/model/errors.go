package model

import (
	"errors"
	"fmt"
	"regexp"
)

// Code classes an error as Juju's API does.
type Code string

// Codes, as they appear on the wire.
const (
	NotFound         Code = "not found"
	AlreadyExists    Code = "already exists"
	NotValid         Code = "not valid"
	BadRequest       Code = "bad request"
	HasAssignedUnits Code = "machine has assigned units"
	NoCode           Code = ""
)

// Error is a refusal by the model, in Juju's words.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Message }

func errorf(code Code, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// CodeOf returns the code of an Error, else none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return NoCode
}

// IsNotFound says that the entity does not exist (any more).
func IsNotFound(err error) bool { return CodeOf(err) == NotFound }

// ErrPortConflict is in the error of a Commit that opens a port which another unit of the same machine has opened.
var ErrPortConflict = errors.New("port range conflicts")

// ErrNotLeader is in the error of a Commit, or of SetApplicationStatus, that only the leader may do.
var ErrNotLeader = errors.New("cannot write relation settings")

var (
	validName = regexp.MustCompile(`^[a-z0-9]+[a-z0-9.-]*$`)
	validUser = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.+-]*[a-zA-Z0-9]$|^[a-zA-Z0-9]$`)
	validApp  = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]*[a-z][a-z0-9]*)*$`)
)

// missing says that something is not there, in the profile's way of naming it.
func (m *Model) missing(kind, name string) error {
	if m.profile.QuotesNames {
		return errorf(NotFound, "%s %q not found", kind, name)
	}
	return errorf(NotFound, "%s %s not found", kind, name)
}
