package hooktool

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"strings"
)

// Why a secret cannot be read. Juju has no codes for it, only words.
var (
	errSecretURI    = errors.New("it has no name that Juju could have given it: the application that gives it is at fault")
	errSecretDenied = errors.New("this unit may not: the application that gives it must grant it to the relation; relate the two anew")
	errSecretGone   = errors.New("it is not there (any more): relate the two anew")
	errNoSecrets    = errors.New("this Juju has none: use an application that gives the credentials in the relation, or credentials: file")
)

// secretURI is what Juju calls a secret by: nothing else may come into a command line.
var secretURI = regexp.MustCompile(`^(secret:)?(//[0-9a-f-]{36}/)?[0-9a-v]{20}$`)

// secretGone are Juju's words for a secret that was removed: 4.0 names it not, and 3.6 does.
var secretGone = regexp.MustCompile(`secret( revision)?( "[^"]*")? not found`)

// SecretID is what two names of one secret have in common.
func SecretID(uri string) string {
	if !secretURI.MatchString(uri) {
		return ""
	}
	return uri[len(uri)-20:]
}

// Secret is what a secret holds in its newest revision, which the unit reads from then on. No error has
// anything of it.
func (t *Tools) Secret(ctx context.Context, uri string) (map[string]string, error) {
	if SecretID(uri) == "" {
		return nil, errSecretURI
	}
	out, err := t.run.Run(ctx, nil, "secret-get", "--format=json", "--refresh", uri)
	switch {
	case err == nil:
	case errors.Is(err, exec.ErrNotFound):
		return nil, errNoSecrets
	case strings.Contains(err.Error(), "is not allowed to read"), strings.Contains(err.Error(), "permission denied"):
		return nil, errSecretDenied
	case secretGone.MatchString(err.Error()):
		return nil, errSecretGone
	default:
		return nil, err
	}
	var content map[string]string
	if json.Unmarshal(out, &content) != nil {
		// Its words may have what it could not read.
		return nil, errors.New("cannot read what secret-get printed")
	}
	return content, nil
}
