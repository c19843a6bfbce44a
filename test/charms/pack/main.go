// Command pack packs charms of test/charms, all if none is named: pack -out DIR [NAME...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"jujuetcd.io/test/charms"
)

func main() {
	out := flag.String("out", "dist", "folder for the archives")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := pack(ctx, *out, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

// pack packs the charms of these names, or all, and prints where they are.
func pack(ctx context.Context, out string, names []string) error {
	if len(names) == 0 {
		names = charms.Names()
	}
	for _, name := range names {
		charm, err := charms.Pack(ctx, name, out)
		if err != nil {
			return err
		}
		fmt.Println(charm)
	}
	return nil
}
