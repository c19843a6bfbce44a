// Command pack builds the charm's archives:
//
//	go run ./deploy/charm/pack -out dist            dist/etcd_ARCH.charm for each architecture, dist/etcd.charm for this one
//	go run ./deploy/charm/pack -out dist -arch host only this machine's, under both names
//	go run ./deploy/charm/pack -binaries DIR        only the programs, as DIR/ARCH/dispatch, for charmcraft
//
// An archive is a zip of the YAML files of deploy/charm and one static program, dispatch, which is jujuetcd-agent. It serves
// all bases; its manifest names the one architecture that it is for. Packed twice from the same tree, the archives are the
// same, byte by byte.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// architectures are those that the charm is made for.
var architectures = []string{"amd64", "arm64", "s390x"}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("pack", flag.ContinueOnError)
	out := flags.String("out", "", "folder for the archives")
	binaries := flags.String("binaries", "", "folder for the programs, instead of archives")
	arch := flags.String("arch", strings.Join(architectures, ","), "architectures, separated by commas; host is this machine's")
	version := flags.String("version", "", "version of the charm; empty asks git")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if (*out == "") == (*binaries == "") {
		return errors.New("cannot pack: either -out or -binaries must be given")
	}
	wanted, err := parseArchitectures(*arch)
	if err != nil {
		return err
	}
	if *version == "" {
		*version = describe(ctx)
	}
	if *binaries != "" {
		for _, arch := range wanted {
			if err := build(ctx, arch, *version, filepath.Join(*binaries, arch, "dispatch")); err != nil {
				return err
			}
		}
		return nil
	}
	return packAll(ctx, *out, wanted, *version)
}

func parseArchitectures(text string) ([]string, error) {
	var list []string
	for _, arch := range strings.Split(text, ",") {
		if arch == "host" {
			arch = runtime.GOARCH
		} else if !slices.Contains(architectures, arch) {
			return nil, fmt.Errorf("cannot pack for %q: it must be one of %s, or host", arch, strings.Join(architectures, ", "))
		}
		if !slices.Contains(list, arch) {
			list = append(list, arch)
		}
	}
	return list, nil
}

func packAll(ctx context.Context, out string, wanted []string, version string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "charm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	for _, arch := range wanted {
		program := filepath.Join(work, arch)
		if err := build(ctx, arch, version, program); err != nil {
			return err
		}
		dispatch, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		archive, err := pack(arch, version, dispatch)
		if err != nil {
			return fmt.Errorf("cannot pack the charm for %s: %w", arch, err)
		}
		names := []string{"etcd_" + arch + ".charm"}
		if arch == runtime.GOARCH {
			names = append(names, "etcd.charm")
		}
		for _, name := range names {
			if err := replace(filepath.Join(out, name), archive); err != nil {
				return err
			}
			fmt.Println(filepath.Join(out, name))
		}
	}
	return nil
}

// replace writes a file by renaming, because a charm may be deployed from it at the same time.
func replace(path string, data []byte) error {
	if err := os.WriteFile(path+".tmp", data, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// build compiles the agent into a static program.
func build(ctx context.Context, arch, version, into string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.version="+version, "-o", into, "jujuetcd.io/cmd/jujuetcd-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build dispatch for %s: %w\n%s", arch, err, text)
	}
	return nil
}

// describe is git's name for the tree, or devel outside of one.
func describe(ctx context.Context) string {
	text, err := exec.CommandContext(ctx, "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "devel"
	}
	return string(bytes.TrimSpace(text))
}
