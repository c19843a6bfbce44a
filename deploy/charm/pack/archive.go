package main

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/flate"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"sigs.k8s.io/yaml"

	charmfiles "jujuetcd.io/deploy/charm"
)

// entry is one file of an archive.
type entry struct {
	name string
	mode fs.FileMode
	data []byte
}

// pack is the archive for one architecture.
func pack(arch, version string, dispatch []byte) ([]byte, error) {
	entries := []entry{
		{"dispatch", 0o755, dispatch},
		{"version", 0o644, []byte(version + "\n")},
	}
	for _, name := range []string{"metadata.yaml", "config.yaml", "actions.yaml"} {
		data, err := charmfiles.Files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name, 0o644, data})
	}
	manifest, err := manifestFor(arch)
	if err != nil {
		return nil, err
	}
	return archive(append(entries, entry{"manifest.yaml", 0o644, manifest}))
}

// manifestFor is the manifest with one architecture left in each base.
func manifestFor(arch string) ([]byte, error) {
	data, err := charmfiles.Files.ReadFile("manifest.yaml")
	if err != nil {
		return nil, err
	}
	var manifest struct {
		Bases []struct {
			Name          string   `json:"name"`
			Channel       string   `json:"channel"`
			Architectures []string `json:"architectures"`
		} `json:"bases"`
	}
	if err := yaml.UnmarshalStrict(data, &manifest); err != nil {
		return nil, fmt.Errorf("cannot read manifest.yaml: %w", err)
	}
	for i, base := range manifest.Bases {
		if !slices.Contains(base.Architectures, arch) {
			return nil, fmt.Errorf("cannot pack for %s: base %s %s does not have it", arch, base.Name, base.Channel)
		}
		manifest.Bases[i].Architectures = []string{arch}
	}
	return yaml.Marshal(manifest)
}

// archive writes a zip that depends on nothing but the entries: they are sorted, and all have the oldest time a zip can hold.
func archive(entries []entry) ([]byte, error) {
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(w, flate.BestCompression)
	})
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
		header.SetMode(e.mode)
		f, err := w.CreateHeader(header)
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(e.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
