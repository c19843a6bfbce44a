package jujuapi_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"jujuetcd.io/pkg/jujuapi"
)

// clientFiles writes a folder of the juju client: lab is current and has a model, prod logs in by
// browser, k8s has a proxy.
func clientFiles(t *testing.T, ca string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("controllers.yaml", `controllers:
  lab:
    uuid: 86c48e47-1b72-4861-8430-aea958d6965a
    api-endpoints: ['10.1.0.5:17070', '10.1.0.6:17070']
    public-hostname: juju.example
    ca-cert: |
      `+strings.ReplaceAll(strings.TrimSpace(ca), "\n", "\n      ")+`
    cloud: localhost
    agent-version: 4.0.15
    has-controller-changed-on-previous-switch: false
  prod:
    api-endpoints: ['10.2.0.5:17070']
  k8s:
    api-endpoints: ['10.3.0.5:17070']
    proxy-config: {type: kubernetes-port-forward, config: {}}
current-controller: lab
`)
	write("accounts.yaml", `controllers:
  lab: {user: admin, password: s3cret, last-known-access: superuser}
  prod: {user: alice@external}
  k8s: {user: admin, password: s3cret}
`)
	write("models.yaml", `controllers:
  lab:
    models: {admin/prod: {uuid: dfad32c3-5ac6-4202-8985-4272b797d702, type: iaas, branch: master}}
    current-model: admin/prod
`)
	return dir
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestExplicitIsBeforeEnvironmentIsBeforeTheClientsFiles(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	other, _ := authority(t)
	dir := clientFiles(t, ca)
	environment := map[string]string{jujuapi.EnvAddresses: "10.9.0.1:17070, 10.9.0.2:17070", jujuapi.EnvUsername: "env", jujuapi.EnvPassword: "env-pw", jujuapi.EnvCACert: other}
	lab := jujuapi.Controller{Name: "lab", Addresses: []string{"10.1.0.5:17070", "10.1.0.6:17070"}, CACert: ca, PublicHostname: "juju.example", Username: "admin", Password: "s3cret"}
	env := jujuapi.Controller{Addresses: []string{"10.9.0.1:17070", "10.9.0.2:17070"}, CACert: other, Username: "env", Password: "env-pw"}
	tests := []struct {
		name     string
		explicit jujuapi.Explicit
		env      map[string]string
		want     jujuapi.Controller
		model    string
	}{
		{name: "the client's current controller and model", want: lab, model: "admin/prod"},
		{name: "a controller and a model by name", explicit: jujuapi.Explicit{Controller: "lab", Model: "test"}, want: lab, model: "test"},
		{name: "a controller in the model", explicit: jujuapi.Explicit{Model: "lab:admin/test"}, want: lab, model: "admin/test"},
		{name: "the client's own variables", env: map[string]string{jujuapi.EnvController: "lab", jujuapi.EnvModel: "x"}, want: lab, model: "x"},
		{name: "a controller in the variable for the model", env: map[string]string{jujuapi.EnvModel: "lab:admin/y"}, want: lab, model: "admin/y"},
		{name: "the environment", env: environment, want: env},
		{name: "a named controller comes from the files, whatever the environment says", explicit: jujuapi.Explicit{Controller: "lab"}, env: environment, want: lab, model: "admin/prod"},
		{name: "explicit addresses, and credentials of the environment", explicit: jujuapi.Explicit{Addresses: []string{"a:1"}}, env: environment,
			want: jujuapi.Controller{Addresses: []string{"a:1"}, CACert: other, Username: "env", Password: "env-pw"}},
		{name: "explicit addresses and user, and a password of the environment", explicit: jujuapi.Explicit{Addresses: []string{"a:1"}, Username: "me"},
			env: map[string]string{jujuapi.EnvPassword: "env-pw", jujuapi.EnvCACert: other}, want: jujuapi.Controller{Addresses: []string{"a:1"}, CACert: other, Username: "me", Password: "env-pw"}},
		{name: "all explicit", explicit: jujuapi.Explicit{Addresses: []string{"a:1"}, Username: "me@local", PasswordFile: file(t, "pw\n"), CACertFile: file(t, ca), Model: "m"}, env: environment,
			want: jujuapi.Controller{Addresses: []string{"a:1"}, CACert: ca, Username: "me", Password: "pw"}, model: "m"},
		{name: "another user of the same controller", explicit: jujuapi.Explicit{Controller: "lab", Username: "me", PasswordFile: file(t, "pw")},
			want: func() jujuapi.Controller { c := lab; c.Username, c.Password = "me", "pw"; return c }(), model: "admin/prod"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := jujuapi.Find(test.explicit, getenv(dir, test.env))
			if err != nil {
				t.Fatal(err)
			}
			c := got.Controller
			if c.Name != test.want.Name || !slices.Equal(c.Addresses, test.want.Addresses) || strings.TrimSpace(c.CACert) != strings.TrimSpace(test.want.CACert) ||
				c.PublicHostname != test.want.PublicHostname || c.Username != test.want.Username || c.Password != test.want.Password {
				t.Errorf("got %+v, want %+v", c, test.want)
			}
			if string(c.Password) != string(test.want.Password) {
				t.Error("got another password")
			}
			if got.Model != test.model || got.From == "" {
				t.Errorf("got model %q from %q, want %q", got.Model, got.From, test.model)
			}
		})
	}
}

func getenv(dir string, env map[string]string) func(string) string {
	return func(name string) string {
		if name == jujuapi.EnvData && env[name] == "" {
			return dir
		}
		return env[name]
	}
}

func TestAllFaultsAreReportedAtOnceWithWhatToDo(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	dir := clientFiles(t, ca)
	tests := []struct {
		name     string
		dir      string
		explicit jujuapi.Explicit
		env      map[string]string
		mention  []string // one for each fault
	}{
		{name: "nothing at all", dir: t.TempDir(), mention: []string{jujuapi.EnvAddresses}},
		{name: "an unknown controller", dir: dir, explicit: jujuapi.Explicit{Controller: "nosuch"}, mention: []string{"k8s, lab, prod"}},
		{name: "a browser login", dir: dir, explicit: jujuapi.Explicit{Controller: "prod"}, mention: []string{"identity service", "no password"}},
		{name: "a proxy", dir: dir, explicit: jujuapi.Explicit{Controller: "k8s"}, mention: []string{"through a proxy"}},
		{name: "another user without a password", dir: dir, explicit: jujuapi.Explicit{Controller: "lab", Username: "me"}, mention: []string{`no password is given for user "me"`}},
		{name: "everything", dir: dir, explicit: jujuapi.Explicit{Addresses: []string{"ws://a", "b:c:d"}, CACertFile: file(t, "no PEM"), PasswordFile: filepath.Join(dir, "missing")},
			mention: []string{"ws://a", "PEM form", "password cannot be read", "juju add-user"}},
		{name: "the environment without credentials", dir: dir, env: map[string]string{jujuapi.EnvAddresses: "a:1"}, mention: []string{jujuapi.EnvUsername, jujuapi.EnvPassword}},
		{name: "two controllers", dir: dir, explicit: jujuapi.Explicit{Controller: "lab", Model: "prod:admin/x"}, mention: []string{"give one of them"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := jujuapi.Find(test.explicit, getenv(test.dir, test.env))
			config, ok := errors.AsType[*jujuapi.ConfigError](err)
			if !ok || !jujuapi.NeedsPerson(err) {
				t.Fatalf("got %v", err)
			}
			if len(config.Faults) != len(test.mention) {
				t.Errorf("got %d faults, want %d: %v", len(config.Faults), len(test.mention), err)
			}
			for _, mention := range test.mention {
				if !strings.Contains(err.Error(), mention) {
					t.Errorf("%v\ndoes not mention %q", err, mention)
				}
			}
		})
	}
}

func TestFilesThatAreNoYAMLAreNotQuoted(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	for _, name := range []string{"controllers.yaml", "accounts.yaml", "models.yaml"} {
		dir := clientFiles(t, ca)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("controllers: [s3cret: {"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := jujuapi.Find(jujuapi.Explicit{}, getenv(dir, nil))
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheClientsFilesAreWhereTheClientKeepsThem(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	root := t.TempDir()
	for name, test := range map[string]struct {
		env map[string]string
		dir string
	}{
		"XDG_DATA_HOME": {map[string]string{"XDG_DATA_HOME": filepath.Join(root, "xdg"), "HOME": filepath.Join(root, "elsewhere")}, "xdg/juju"},
		"HOME":          {map[string]string{"HOME": filepath.Join(root, "home")}, "home/.local/share/juju"},
	} {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(root, test.dir)
			if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(clientFiles(t, ca), to); err != nil {
				t.Fatal(err)
			}
			got, err := jujuapi.Find(jujuapi.Explicit{}, func(name string) string { return test.env[name] })
			if err != nil || got.Controller.Name != "lab" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func FuzzTheClientsFiles(f *testing.F) {
	f.Add("controllers: {lab: {api-endpoints: ['a:1']}}\ncurrent-controller: lab\n")
	f.Add("controllers: []")
	f.Fuzz(func(t *testing.T, text string) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "controllers.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := jujuapi.Find(jujuapi.Explicit{}, getenv(dir, nil)); err == nil && len(got.Controller.Addresses) == 0 {
			t.Errorf("no fault, and no address: %+v", got)
		}
	})
}
