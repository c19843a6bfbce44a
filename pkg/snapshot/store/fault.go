package store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"

	"jujuetcd.io/pkg/printable"
)

// longestWord bounds what is passed on of what a store says, in bytes.
const longestWord = 160

// errOther says that what was read is not what was stored.
var errOther = errors.New("the store gives other bytes than it was sent")

// fault is an error of the store as a sentence, without a secret.
func (s *Store) fault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var said minio.ErrorResponse
	if !errors.As(err, &said) {
		return errors.New(s.clean(err.Error()))
	}
	switch said.Code {
	case minio.NoSuchBucket:
		return fmt.Errorf("there is no bucket %s", s.policy.Bucket)
	case minio.RequestTimeTooSkewed:
		return errors.New("the store says that the clock of this machine is wrong (" + said.Code + "): set it, or the store's")
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientCapacity", "EntityTooLarge":
		return errors.New("the store has no room for it (" + said.Code + ")")
	}
	switch said.StatusCode {
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("the store refuses the credentials, or what they may do (%s)", s.clean(said.Code+": "+said.Message))
	case http.StatusInsufficientStorage:
		return errors.New("the store has no room for it (507)")
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return fmt.Errorf("the store is busy or down (%d %s)", said.StatusCode, s.clean(said.Code))
	}
	return fmt.Errorf("the store answers %s", s.clean(fmt.Sprintf("%d %s: %s", said.StatusCode, said.Code, said.Message)))
}

// clean makes others' words fit to be shown. An error of a store may repeat what it was sent.
func (s *Store) clean(text string) string {
	// What has not been used yet nobody can repeat; to ask for it could take long.
	if s.keys.IsExpired() {
		return printable.Line(text, longestWord)
	}
	if value, err := s.keys.GetWithContext(nil); err == nil {
		for _, secret := range []string{value.SecretAccessKey, value.SessionToken, value.AccessKeyID} {
			if secret != "" {
				text = strings.ReplaceAll(text, secret, "…")
			}
		}
	}
	return printable.Line(text, longestWord)
}

// missing says that there is no such object.
func missing(err error) bool {
	var said minio.ErrorResponse
	return errors.As(err, &said) && (said.Code == minio.NoSuchKey || said.Code == "NotFound" || said.StatusCode == http.StatusNotFound && said.Code != minio.NoSuchBucket)
}
