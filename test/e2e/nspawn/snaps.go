package nspawn

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// baseDirs are what snap-confine mounts on in a base.
var baseDirs = strings.Fields(`bin etc dev proc sys run tmp var/lib/snapd var/snap var/log var/tmp var/cache snap home root media mnt
	opt usr/lib/snapd usr/src usr/bin usr/share usr/local lib/modules lib/firmware lib64 writable`)

// packBase packs a base without programs: etcd's are static.
func packBase(ctx context.Context, file, name, kind string) error {
	yaml := fmt.Sprintf("name: %s\nversion: \"1\"\ntype: %s\nsummary: an empty base\ndescription: an empty base for tests\n", name, kind)
	return pack(ctx, file, yaml, nil)
}

// etcdYAML is the snap as the store has it, as far as machines see it.
const etcdYAML = `name: etcd
version: "%s"
summary: etcd
description: a distributed key-value store
base: core22
confinement: strict
grade: stable
apps:
  etcd:
    command: bin/etcd --config-file $SNAP_COMMON/etcd.conf.yml
    daemon: simple
    restart-condition: on-failure
    plugs: [network, network-bind]
  etcdctl: {command: bin/etcdctl, plugs: [network, home]}
  etcdutl: {command: bin/etcdutl, plugs: [home]}
`

// PackEtcd packs the etcd snap from a folder with etcd's programs.
func PackEtcd(ctx context.Context, file, programs, version string) error {
	content := map[string]string{}
	for _, name := range []string{"etcd", "etcdctl", "etcdutl"} {
		content["bin/"+name] = filepath.Join(programs, name)
	}
	return pack(ctx, file, fmt.Sprintf(etcdYAML, version), content)
}

// pack makes a snap of its meta data and programs, by their path in the snap; without programs it has a base's folders.
func pack(ctx context.Context, file, yaml string, programs map[string]string) error {
	dir, err := os.MkdirTemp(filepath.Dir(file), ".snap-")
	if err != nil {
		return fmt.Errorf("cannot pack a snap: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return fmt.Errorf("cannot pack a snap: %w", err)
	}
	folders := []string{"meta", "bin"}
	if programs == nil {
		folders = append(folders, baseDirs...)
	}
	for _, folder := range folders {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return fmt.Errorf("cannot pack a snap: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "meta/snap.yaml"), []byte(yaml), 0o644); err != nil {
		return fmt.Errorf("cannot pack a snap: %w", err)
	}
	for to, from := range programs {
		if err := copyProgram(filepath.Join(dir, to), from); err != nil {
			return fmt.Errorf("cannot pack a snap: %w", err)
		}
	}
	return run(ctx, "mksquashfs", dir, file, "-noappend", "-comp", "gzip", "-Xcompression-level", "1", "-all-root", "-no-progress")
}

func copyProgram(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}
