// Command pack packs charms of test/charms: pack -out DIR NAME...
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
	defer stop()
	for _, name := range flag.Args() {
		charm, err := charms.Pack(ctx, name, *out)
		if err != nil {
			fmt.Fprintln(os.Stderr, "pack:", err)
			os.Exit(1)
		}
		fmt.Println(charm)
	}
}
