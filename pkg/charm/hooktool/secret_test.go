package hooktool_test

import (
	"os"
	"strings"
	"testing"

	"jujuetcd.io/pkg/charm/hooktool"
)

// TestASecretIsReadInItsNewestRevision, and what keeps it from being read is a sentence that says what to do.
func TestASecretIsReadInItsNewestRevision(t *testing.T) {
	const id = "u3015jcggta3d6k72ljg"
	tools := hooktool.New(hooktool.Exec{})
	t.Setenv("PATH", t.TempDir()+":/usr/bin:/bin")
	empty := os.Getenv("PATH")
	for _, c := range []struct{ name, uri, script, want string }{
		{"a Juju without secrets", id, "", "this Juju has none"},
		{"no URI", "--label", "exit 0", "no name that Juju could have given"},
		{"another's words", "secret:" + id + " x", "exit 0", "no name that Juju could have given"},
		{"not granted", "secret:" + id, `echo 'ERROR "etcd/0" is not allowed to read this secret' >&2; exit 1`, "must grant it to the relation"},
		{"gone", id, `echo "ERROR getting latest secret revision: secret not found" >&2; exit 1`, "it is not there (any more)"},
		{"gone in other words", id, `echo "ERROR secret \"$id\" not found" >&2; exit 1`, "it is not there (any more)"},
		{"another fault", id, "echo ERROR backend away >&2; exit 1", "cannot run secret-get: exit status 1: ERROR backend away"},
		{"no JSON", id, "echo s3cret", "cannot read what secret-get printed"},
		{"other JSON", id, `echo '{"key":["s3cret"]}'`, "cannot read what secret-get printed"},
		{"read", "secret://f9ce5bf9-45a2-4a53-85b7-36d93be944be/" + id, `[ "$1 $2" = "--format=json --refresh" ] || exit 9; echo "{\"key\":\"s3cret\"}"`, ""},
	} {
		t.Setenv("PATH", empty)
		if c.script != "" {
			tool(t, "secret-get", c.script)
		}
		content, err := tools.Secret(t.Context(), c.uri)
		switch {
		case c.want == "" && (err != nil || content["key"] != "s3cret"):
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cret") || content != nil):
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for uri, want := range map[string]string{id: id, "secret:" + id: id, "secret://f9ce5bf9-45a2-4a53-85b7-36d93be944be/" + id: id, "secret:x": "", "": ""} {
		if got := hooktool.SecretID(uri); got != want {
			t.Errorf("%s is %q", uri, got)
		}
	}
}
