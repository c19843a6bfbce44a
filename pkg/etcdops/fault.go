package etcdops

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"jujuetcd.io/pkg/printable"
)

// maxDetail is the length of a detail in bytes: it goes into a status line.
const maxDetail = 120

// classifyDial classes an error of connecting or of a TLS handshake.
func classifyDial(err error) (Fault, string) {
	var op *net.OpError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var netErr net.Error
	switch {
	case err == nil:
		return FaultNone, ""
	case errors.As(err, &verify):
		return FaultTLS, certificateReason(verify.Err)
	case errors.As(err, &op) && op.Op == "remote error": // so crypto/tls marks an alert from the other side
		return FaultTLS, "the member refuses our certificate (" + strings.TrimPrefix(op.Err.Error(), "tls: ") + ")"
	case errors.As(err, &record):
		return FaultTLS, "the endpoint does not speak TLS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return FaultRefused, ""
	case errors.Is(err, syscall.EHOSTUNREACH):
		return FaultUnreachable, "no route to host"
	case errors.Is(err, syscall.ENETUNREACH):
		return FaultUnreachable, "network is unreachable"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return FaultUnreachable, ""
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return FaultOther, "connection closed"
	case strings.Contains(err.Error(), "tls: "):
		_, text, _ := strings.Cut(err.Error(), "tls: ")
		return FaultTLS, detail(text)
	}
	return FaultOther, detail(err.Error())
}

// certificateReason says what is wrong with the member's certificate.
func certificateReason(err error) string {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "certificate signed by unknown authority"
	case errors.As(err, &host):
		return "certificate is not valid for " + host.Host
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "certificate has expired or is not yet valid"
	}
	return detail(err.Error())
}

// isConnection says that the call did not reach etcd, or that its connection broke: grpc's own
// Unavailable, not etcd's.
func isConnection(err error) bool {
	var e rpctypes.EtcdError
	return err != nil && !errors.As(err, &e) && status.Code(err) == codes.Unavailable
}

// isTimeout says that a deadline, ours or one that grpc or etcd saw first, ended the call, or that
// it was given up.
func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return true
	}
	code := status.Code(err)
	var e rpctypes.EtcdError
	if errors.As(err, &e) {
		code = e.Code()
	}
	return code == codes.DeadlineExceeded || code == codes.Canceled
}

// classifyRead classes an error of the linearizable read at a member whose Status was answered.
func classifyRead(err error, h EndpointHealth) (Fault, string) {
	switch {
	case errors.Is(err, rpctypes.ErrCorrupt):
		return FaultAlarm, "CORRUPT"
	case errors.Is(err, rpctypes.ErrNoLeader):
		return FaultNoLeader, ""
	case isTimeout(err), errors.Is(err, rpctypes.ErrTimeout),
		errors.Is(err, rpctypes.ErrTimeoutDueToLeaderFail),
		errors.Is(err, rpctypes.ErrTimeoutDueToConnectionLost), errors.Is(err, rpctypes.ErrTimeoutWaitAppliedIndex),
		errors.Is(err, rpctypes.ErrLeaderChanged):
		if behind := int64(h.RaftIndex) - int64(h.AppliedIndex); behind > DefaultLagLimit {
			return FaultLagging, strconv.FormatInt(behind, 10) + " entries to apply"
		}
		if isTimeout(err) && h.Leader != 0 {
			// It may have lost its quorum or have stopped an instant ago; the next check says
			// which.
			return FaultOther, "a linearizable read is not answered"
		}
		return FaultNoLeader, ""
	}
	return FaultOther, detail(err.Error())
}

// detail is the text as one short line: a server may answer whatever it likes.
func detail(text string) string {
	return printable.Line(text, maxDetail)
}
