package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"jujuetcd.io/pkg/reconcile/registry"
)

func envCommand() *cobra.Command {
	var a asking
	var dir string
	c := &cobra.Command{
		Use:   "env [CLUSTER]",
		Short: "Print etcdctl's environment for a cluster",
		Long: `Print etcdctl's environment for a cluster, and write the client certificate and
its key into a directory, readable by you alone.`,
		Example: `  eval "$(jujuetcd env etcd --dir ~/etcd-client)"
  etcdctl member list`,
		Args:              wants(0, 1, "the cluster", "jujuetcd env [CLUSTER]"),
		ValidArgsFunction: completesCluster(&a),
		RunE: func(c *cobra.Command, args []string) error {
			if dir == "" {
				return usageError{errors.New("where should the client certificate go? --dir DIRECTORY")}
			}
			want := registry.Ref{Model: a.model}
			if len(args) > 0 {
				want.Name = args[0]
			}
			access, err := a.client().Access(c.Context(), want)
			if err != nil {
				return advise(err)
			}
			paths, err := writeAccess(dir, access)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "export ETCDCTL_ENDPOINTS=%s\nexport ETCDCTL_CACERT=%s\nexport ETCDCTL_CERT=%s\nexport ETCDCTL_KEY=%s\n",
				quoted(strings.Join(access.Endpoints, ",")), quoted(paths[0]), quoted(paths[1]), quoted(paths[2]))
			return err
		},
	}
	a.flags(c, "")
	completesFlags(c, &a)
	c.Flags().StringVar(&dir, "dir", "", "directory for ca.crt, client.crt and client.key; it is made if need be")
	return c
}

func writeAccess(dir string, access registry.Access) ([3]string, error) {
	var paths [3]string
	dir, err := filepath.Abs(dir)
	if err != nil {
		return paths, fmt.Errorf("cannot use the directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return paths, fmt.Errorf("cannot make the directory: %w", err)
	}
	for i, f := range []struct{ name, text string }{{"ca.crt", access.CA}, {"client.crt", access.Cert}, {"client.key", access.Key}} {
		paths[i] = filepath.Join(dir, f.name)
		if err := writeDurably(paths[i], f.text); err != nil {
			return paths, err
		}
	}
	return paths, nil
}

// quoted is text as one word of a shell.
func quoted(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
