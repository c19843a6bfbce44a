package cli

import (
	"context"
	"errors"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/sim/control"
	"jujuetcd.io/sim/scp"
)

const scpHelp = `Scp copies files to, from and between machines, named by their numbers or by a unit that they have, and
this host. Relative paths on a machine are below /home/ubuntu; its links and .. do not lead out of it.`

func (a *App) scp() *cobra.Command {
	var recursive bool
	c := &cobra.Command{
		Use: "scp SOURCE ... DESTINATION", Short: "Copy files to and from machines", Long: scpHelp, Args: atLeast(2, "source", "destination"),
		Example: "  jujusim scp ./backup.db etcd/0:\n  jujusim scp etcd/leader:/var/log/snap.etcd.etcd.log .\n  jujusim scp -r 2:/var/log ./logs",
		RunE: func(c *cobra.Command, args []string) error {
			files, err := scpOptions(args, &recursive)
			if err != nil {
				return err
			}
			return a.copyFiles(c.Context(), files, recursive)
		},
	}
	c.Flags().BoolVarP(&recursive, "recursive", "r", false, "folders, too")
	return a.modelFlag(c)
}

// scpOptions takes out what was meant for scp itself: juju wants that after two dashes.
func scpOptions(args []string, recursive *bool) ([]string, error) {
	var files []string
	for _, arg := range args {
		switch {
		case arg == "-r":
			*recursive = true
		case arg == "-3": // between machines it is always so
		case strings.HasPrefix(arg, "-"):
			return nil, usage("scp: unknown option %q: there are -r and -3", arg)
		default:
			files = append(files, arg)
		}
	}
	if len(files) < 2 {
		return nil, usage("scp: no destination is given")
	}
	return files, nil
}

func (a *App) copyFiles(ctx context.Context, args []string, recursive bool) (err error) {
	var files []scp.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Tree.Close())
		}
	}()
	for _, arg := range args {
		f, err := a.fileOf(ctx, arg)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	last := len(files) - 1
	return scp.Copy(files[:last], files[last], recursive)
}

// remote is what stands before the colon of a file on a machine.
var remote = regexp.MustCompile(`^(?:([^@/]+)@)?([a-z][a-z0-9-]*/(?:[0-9]+|leader)|[0-9]+)$`)

// fileOf finds the file of an argument. As with scp, a path that has a slash before its first colon is one of this host.
func (a *App) fileOf(ctx context.Context, arg string) (scp.File, error) {
	where, name, colon := strings.Cut(arg, ":")
	if !colon {
		return scp.File{Tree: scp.Host(), Name: arg, Shown: arg}, nil
	}
	found := remote.FindStringSubmatch(where)
	switch {
	case found == nil && strings.Contains(where, "/"):
		return scp.File{Tree: scp.Host(), Name: arg, Shown: arg}, nil
	case found == nil:
		return scp.File{}, usage("scp: %q is neither a unit nor a machine", where)
	case found[1] != "" && found[1] != "ubuntu":
		return scp.File{}, usage("scp: machines have the user ubuntu, not %q", found[1])
	}
	folder, err := a.client().Root(ctx, control.Target{Model: a.model, Name: found[2]})
	if err != nil {
		return scp.File{}, err
	}
	tree, err := scp.Machine(folder.Path)
	return scp.File{Tree: tree, Name: name, Shown: arg}, err
}
