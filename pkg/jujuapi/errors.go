package jujuapi

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"

	"jujuetcd.io/pkg/jujuapi/wire"
)

// Error is what a controller answered to a call that it refused.
type Error struct {
	// Call names the facade and method: Client.FullStatus.
	Call string
	// Code is one of wire's codes, or empty: not every error has one.
	Code    string
	Message string
}

// Error says which call failed, and what the controller said.
func (e *Error) Error() string {
	if e.Code == "" || strings.Contains(e.Message, e.Code) {
		return fmt.Sprintf("cannot call %s: %s", e.Call, e.Message)
	}
	return fmt.Sprintf("cannot call %s: %s (%s)", e.Call, e.Message, e.Code)
}

// Is makes errors.Is(err, ErrNotFound) and its like work: by code, and by message where Juju has no
// code.
func (e *Error) Is(target error) bool {
	k, ok := target.(*kind)
	if !ok {
		return false
	}
	for _, code := range k.codes {
		if e.Code == code {
			return true
		}
	}
	for _, message := range k.messages {
		if strings.Contains(e.Message, message) {
			return true
		}
	}
	return false
}

// ErrTooLarge says that an answer has come and was too large to be kept. The connection goes on.
var ErrTooLarge = errors.New("it is too large")

// kind is a class of errors, known by their codes or, where there is none, by their messages.
type kind struct {
	text     string
	codes    []string
	messages []string
}

func (k *kind) Error() string { return k.text }

// Classes of errors, for errors.Is.
var (
	// ErrUnauthorized: the credentials are wrong or have expired, or lack a grant.
	ErrUnauthorized error = &kind{text: "unauthorized", codes: []string{wire.CodeUnauthorized, wire.CodeLoginExpired, wire.CodeNoCreds,
		wire.CodeSessionTokenInvalid, wire.CodeAccessRequired, wire.CodeFatalLogin}}
	// ErrBadCredentials: no such user, or not this password; Juju does not say which.
	ErrBadCredentials error = &kind{text: "bad credentials", messages: []string{wire.MessageBadCredentials}}
	// ErrPermissionDenied: the user is known, and lacks a grant.
	ErrPermissionDenied error = &kind{text: "permission denied", messages: []string{wire.MessagePermissionDenied}}
	// ErrDischargeRequired: the controller wants a login through another service, which this
	// package does not do.
	ErrDischargeRequired error = &kind{text: "discharge required", codes: []string{wire.CodeDischargeRequired}}
	// ErrRedirected: the model has moved to another controller.
	ErrRedirected error = &kind{text: "redirected", codes: []string{wire.CodeRedirect}}
	// ErrModelNotFound: the controller has no such model.
	ErrModelNotFound error = &kind{text: "model not found", codes: []string{wire.CodeModelNotFound}}
	// ErrNotFound: no such application, unit, action, task.
	ErrNotFound error = &kind{text: "not found", codes: []string{wire.CodeNotFound}}
	// ErrNotImplemented: the controller lacks the facade, the version or the method.
	ErrNotImplemented error = &kind{text: "not implemented", codes: []string{wire.CodeNotImplemented}}
	// ErrNotSupported: not on this kind of connection.
	ErrNotSupported error = &kind{text: "not supported", codes: []string{wire.CodeNotSupported}}
	// ErrBlocked: a person has forbidden the operation with juju disable-command.
	ErrBlocked error = &kind{text: "operation is blocked", codes: []string{wire.CodeOperationBlocked}}
	// ErrBusy: an upgrade, a migration, or contention; it passes.
	ErrBusy error = &kind{text: "controller is busy", codes: []string{wire.CodeTryAgain, wire.CodeUpgradeInProgress,
		wire.CodeNotYetAvailable, wire.CodeExcessiveContention, wire.CodeDeadlineExceeded},
		messages: []string{wire.MessageMigrationProgress, wire.MessageMaintenance}}
)

// Errors that do not come from a controller's answer.
var (
	// ErrConnectionLost: the connection broke while or before the call was made.
	ErrConnectionLost = errors.New("connection to the Juju controller lost")
	// ErrNoFacade: the controller offers the facade in no version that this package speaks.
	ErrNoFacade = errors.New("facade not offered")
	// ErrAmbiguousModel: several models have that name.
	ErrAmbiguousModel = errors.New("ambiguous model name")
	// ErrClosed: the session was closed.
	ErrClosed = errors.New("session is closed")
)

// NeedsPerson says that err will not pass by itself: somebody has to change credentials, grants, or
// configuration.
func NeedsPerson(err error) bool {
	for _, class := range []error{ErrUnauthorized, ErrBadCredentials, ErrPermissionDenied, ErrDischargeRequired, ErrRedirected,
		ErrModelNotFound, ErrBlocked, ErrNoFacade, ErrAmbiguousModel} {
		if errors.Is(err, class) {
			return true
		}
	}
	if _, ok := errors.AsType[*ConfigError](err); ok {
		return true
	}
	return untrusted(err)
}

// Retriable says that the same call may succeed later without anybody's doing: the connection was
// lost, the controller is away or busy, the time was too short.
func Retriable(err error) bool {
	if err == nil || NeedsPerson(err) || errors.Is(err, ErrClosed) || errors.Is(err, context.Canceled) {
		return false
	}
	if errors.Is(err, ErrBusy) {
		return true
	}
	_, answered := errors.AsType[*Error](err)
	return !answered
}

// untrusted says that the controller's certificate was not accepted.
func untrusted(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	return verification || authority || host
}

// inner turns an error inside a result into an *Error.
func inner(call string, e *wire.Error) error {
	if e == nil {
		return nil
	}
	return &Error{Call: call, Code: e.Code, Message: e.Message}
}
