package jujuapi

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// storeFault begins every fault for which no controller could be found in the juju client's files.
const storeFault = "no controller"

type controllersFile struct {
	Controllers map[string]struct {
		Addresses      []string       `json:"api-endpoints"`
		CACert         string         `json:"ca-cert"`
		PublicHostname string         `json:"public-hostname"`
		ProxyConfig    map[string]any `json:"proxy-config"`
	} `json:"controllers"`
	Current string `json:"current-controller"`
}

type accountsFile struct {
	Controllers map[string]struct {
		User     string `json:"user"`
		Password Secret `json:"password"`
	} `json:"controllers"`
}

type modelsFile struct {
	Controllers map[string]struct {
		Current string `json:"current-model"`
	} `json:"controllers"`
}

// store reads the juju client's files: the controller that is named, else its current one; and its current model, if none
// is named.
func (f *finder) store(name, model string) (Controller, string) {
	dir := storeDir(f.getenv)
	var controllers controllersFile
	if err := readStore(dir, "controllers.yaml", &controllers); err != nil {
		if errors.Is(err, errNoStore) {
			f.fault("%s is given, and there are no files of the juju client in %s: give the addresses by flag or in %s, or run as a user who has logged in with juju", storeFault, dir, EnvAddresses)
		} else {
			f.fault("%s can be read: %v", storeFault, err)
		}
		return Controller{}, model
	}
	if name == "" {
		name = controllers.Current
	}
	c, ok := controllers.Controllers[name]
	if !ok {
		f.fault("%s %q is in %s: there are %s (juju switch, or name one)", storeFault, name, dir, strings.Join(slices.Sorted(maps.Keys(controllers.Controllers)), ", "))
		return Controller{}, model
	}
	if len(c.Addresses) == 0 {
		f.fault("controller %q has no address in %s", name, dir)
	}
	if len(c.ProxyConfig) > 0 {
		f.fault("controller %q is reached through a proxy (%v), which only the juju client can: give addresses that are reachable from here", name, c.ProxyConfig["type"])
	}
	found := Controller{Name: name, Addresses: c.Addresses, CACert: c.CACert, PublicHostname: c.PublicHostname}

	var accounts accountsFile
	if err := readStore(dir, "accounts.yaml", &accounts); err != nil && !errors.Is(err, errNoStore) {
		f.fault("the account cannot be read: %v", err)
	}
	found.Username, found.Password = accounts.Controllers[name].User, accounts.Controllers[name].Password

	if model == "" {
		var models modelsFile
		if err := readStore(dir, "models.yaml", &models); err != nil && !errors.Is(err, errNoStore) {
			f.fault("the current model cannot be read: %v", err)
		}
		model = models.Controllers[name].Current
	}
	return found, model
}

func readStore(dir, name string, into any) error {
	path := filepath.Join(dir, name)
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errNoStore
	case err != nil:
		return err
	}
	if yaml.Unmarshal(text, into) != nil {
		// The parser's own words may quote the file, which holds passwords.
		return fmt.Errorf("%s is not the YAML that the juju client writes", path)
	}
	return nil
}
