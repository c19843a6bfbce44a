// Build provides the etcd programs of one minor and prints the folder that holds them.
//
//	go run ./test/etcd/build 3.6
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"

	"jujuetcd.io/test/etcd/etcdbin"
)

func main() {
	minor := etcdbin.Default
	if len(os.Args) > 1 {
		minor = os.Args[1]
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	dir, err := etcdbin.Dir(ctx, minor)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
