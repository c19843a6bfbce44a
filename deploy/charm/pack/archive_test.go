package main

import (
	"archive/zip"
	"bytes"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchiveHasWhatJujuWantsAndIsReproducible(t *testing.T) {
	first, err := pack("arm64", "v1", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := pack("arm64", "v1", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Error("the same files make two different archives")
	}
	r, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]fs.FileMode{}
	contents := map[string]string{}
	for _, f := range r.File {
		modes[f.Name] = f.Mode()
		file, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		contents[f.Name] = string(text)
	}
	want := map[string]fs.FileMode{"dispatch": 0o755, "version": 0o644, "metadata.yaml": 0o644, "manifest.yaml": 0o644,
		"config.yaml": 0o644, "actions.yaml": 0o644}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if contents["dispatch"] != "program" || contents["version"] != "v1\n" {
		t.Errorf("dispatch %q, version %q", contents["dispatch"], contents["version"])
	}
	if m := contents["manifest.yaml"]; strings.Contains(m, "amd64") || strings.Count(m, "arm64") != 3 {
		t.Errorf("the manifest is not for arm64 alone:\n%s", m)
	}
}

func TestArchitecturesAreChecked(t *testing.T) {
	if _, err := parseArchitectures("amd64,riscv64"); err == nil {
		t.Error("riscv64 was accepted")
	}
	got, err := parseArchitectures("s390x,amd64,s390x")
	if err != nil || !cmp.Equal(got, []string{"s390x", "amd64"}) {
		t.Errorf("got %v, %v", got, err)
	}
}
