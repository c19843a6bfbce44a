package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// The files of a juju client.
type (
	controllersFile struct {
		Controllers map[string]controllerEntry `yaml:"controllers"`
		Current     string                     `yaml:"current-controller"`
	}
	controllerEntry struct {
		UUID         string   `yaml:"uuid"`
		Endpoints    []string `yaml:"api-endpoints"`
		CA           string   `yaml:"ca-cert"`
		Cloud        string   `yaml:"cloud"`
		Region       string   `yaml:"region"`
		Type         string   `yaml:"type"`
		AgentVersion string   `yaml:"agent-version"`
	}
	accountsFile struct {
		Controllers map[string]accountEntry `yaml:"controllers"`
	}
	accountEntry struct {
		User      string `yaml:"user"`
		Password  string `yaml:"password"`
		LastKnown string `yaml:"last-known-access"`
	}
	modelsFile struct {
		Controllers map[string]modelsEntry `yaml:"controllers"`
	}
	modelsEntry struct {
		Models  map[string]modelEntry `yaml:"models"`
		Current string                `yaml:"current-model"`
	}
	modelEntry struct {
		UUID string `yaml:"uuid"`
		Type string `yaml:"type"`
	}
)

// writeFiles writes ca.crt and a juju client's store.
func (i *instance) writeFiles() error {
	models := modelsEntry{Models: map[string]modelEntry{}, Current: Admin + "/" + DefaultModel}
	for _, m := range i.controller.Models() {
		models.Models[m.Owner+"/"+m.Name] = modelEntry{m.UUID, "iaas"}
	}
	dir := i.jujuData()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot write the juju client's files: %w", err)
	}
	return errors.Join(
		replace(filepath.Join(i.options.Dir, "ca.crt"), []byte(i.server.CA()), 0o644),
		writeYAML(filepath.Join(dir, "controllers.yaml"), controllersFile{
			Controllers: map[string]controllerEntry{ControllerName: {
				UUID: i.controller.UUID(), Endpoints: []string{i.server.Address()}, CA: i.server.CA(), Cloud: "jujusim", Region: "default",
				Type: "unmanaged", AgentVersion: i.controller.Profile().Version,
			}},
			Current: ControllerName,
		}),
		writeYAML(filepath.Join(dir, "accounts.yaml"), accountsFile{map[string]accountEntry{
			ControllerName: {Admin, i.password, "superuser"},
		}}),
		writeYAML(filepath.Join(dir, "models.yaml"), modelsFile{map[string]modelsEntry{ControllerName: models}}),
	)
}

func (i *instance) jujuData() string { return filepath.Join(i.options.Dir, "juju") }

func writeYAML(path string, content any) error {
	data, err := yaml.Marshal(content)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return replace(path, data, 0o600)
}

// replace writes a file whole or not at all, for those who read it meanwhile.
func replace(path string, data []byte, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
