package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const deployHelp = `Deploy makes an application of a charm: a .charm archive, a folder with metadata.yaml and dispatch, or the
name of an archive, where there is nothing of that name here: the archives of $JUJUSIM_CHARMS, or else those
beside the program and in the folder dist beside its own. Each unit gets a machine of its own, unless --to names
machines.`

// EnvCharms names the folder of the charms that are deployed by their names.
const EnvCharms = "JUJUSIM_CHARMS"

// findCharm makes a path absolute, since the instance has another working directory, or finds a
// packed charm by its name, as a store would.
func (a *App) findCharm(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("cannot find charm %s: %w", path, err)
	}
	if _, err := os.Stat(abs); !errors.Is(err, fs.ErrNotExist) || path != filepath.Base(path) || strings.HasSuffix(path, ".charm") {
		return abs, nil
	}
	return a.packedCharm(path)
}

// packedCharm finds a charm by its name in the place of a store.
func (a *App) packedCharm(name string) (string, error) {
	folders := []string{a.Getenv(EnvCharms)}
	if folders[0] == "" {
		program, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("cannot find charm %s: %w", name, err)
		}
		folders = []string{filepath.Dir(program), filepath.Join(filepath.Dir(filepath.Dir(program)), "dist")}
	}
	for _, folder := range folders {
		packed := filepath.Join(folder, name+".charm")
		if _, err := os.Stat(packed); err == nil {
			return packed, nil
		}
	}
	return "", fmt.Errorf("cannot find charm %s: there is no %s.charm in %s", name, name, strings.Join(folders, " or "))
}

// releases are Ubuntu's, by the names that charms' series had.
var releases = map[string]string{
	"trusty": "14.04", "xenial": "16.04", "bionic": "18.04", "focal": "20.04", "jammy": "22.04", "noble": "24.04",
}

// release reads --base and --series.
func release(base, series string) (string, error) {
	switch {
	case base != "" && series != "":
		return "", usage("deploy: --series and --base cannot be specified together")
	case series != "":
		if releases[series] == "" {
			return "", usage("deploy: unknown series %q", series)
		}
		return releases[series], nil
	case base == "":
		return "", nil
	}
	system, channel, found := strings.Cut(base, "@")
	number, _, _ := strings.Cut(channel, "/")
	if system != "ubuntu" || !found || number == "" {
		return "", usage(`deploy: invalid base %q: it is of the form ubuntu@22.04`, base)
	}
	return number, nil
}
