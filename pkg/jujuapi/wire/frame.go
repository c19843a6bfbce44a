package wire

import "encoding/json"

// Request is the frame of a call.
type Request struct {
	// RequestID is unique in a connection and never 0, which the server takes for an older protocol.
	RequestID uint64 `json:"request-id"`
	// Type is the facade.
	Type    string `json:"type"`
	Version int    `json:"version"`
	// ID names the object that is called, which only watchers need.
	ID      string          `json:"id,omitempty"`
	Request string          `json:"request"`
	Params  json.RawMessage `json:"params,omitempty"`
}

// Response is the frame of an answer. Error is not empty for a call that failed; Response is then an empty object.
type Response struct {
	RequestID uint64                     `json:"request-id"`
	Error     string                     `json:"error,omitempty"`
	ErrorCode string                     `json:"error-code,omitempty"`
	ErrorInfo map[string]json.RawMessage `json:"error-info,omitempty"`
	Response  json.RawMessage            `json:"response,omitempty"`
}

// Error is an error inside a result. Code is there even when it is empty.
type Error struct {
	Message string                     `json:"message"`
	Code    string                     `json:"code"`
	Info    map[string]json.RawMessage `json:"info,omitempty"`
}

// Codes of errors, in frames and in results.
const (
	CodeUnauthorized         = "unauthorized access"
	CodeLoginExpired         = "login expired"
	CodeNoCreds              = "no credentials provided"
	CodeSessionTokenInvalid  = "session token invalid"
	CodeDischargeRequired    = "macaroon discharge required"
	CodeAccessRequired       = "access required"
	CodeFatalLogin           = "fatal login error"
	CodeRedirect             = "redirection required"
	CodeTryAgain             = "try again"
	CodeUpgradeInProgress    = "upgrade in progress"
	CodeModelNotFound        = "model not found"
	CodeNotFound             = "not found"
	CodeStopped              = "stopped"
	CodeNotImplemented       = "not implemented"
	CodeNotSupported         = "not supported"
	CodeOperationBlocked     = "operation is blocked"
	CodeAlreadyExists        = "already exists"
	CodeNotValid             = "not valid"
	CodeBadRequest           = "bad request"
	CodeNotProvisioned       = "not provisioned"
	CodeNotAssigned          = "not assigned"
	CodeNoAddressSet         = "no address set"
	CodeQuotaLimitExceeded   = "quota limit exceeded"
	CodeDeadlineExceeded     = "deadline exceeded"
	CodeNotYetAvailable      = "not yet available; try again later"
	CodeExcessiveContention  = "excessive contention"
	CodeActionNotAvailable   = "action no longer available"
	CodeStorageAttached      = "storage is attached"
	MessageMigrationProgress = "model migration in progress"
	MessageMaintenance       = "login failed - maintenance in progress"
	MessageBadCredentials    = "invalid entity name or password"
	MessagePermissionDenied  = "permission denied"
)

// Entity names one thing by its tag.
type Entity struct {
	Tag string `json:"tag"`
}

// Entities names several things by their tags.
type Entities struct {
	Entities []Entity `json:"entities"`
}

// Base is an operating system and its release. Constraints appear as a free object.
type Base struct {
	Name    string `json:"name"`
	Channel string `json:"channel"`
}
