package service_test

import (
	"context"
	"fmt"

	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/machine/service"
)

// Drop-ins count for systemd only after it was told of them. (This is compiled and not run: it needs a machine with systemd.)
func Example() {
	ctx := context.Background()
	unit := service.Unit{Root: "/", Name: "snap.etcd.etcd", Disk: &durable.Disk{}}
	const data = "/var/snap/etcd/common/data/member"
	wrote, err := unit.WriteDropIns(service.DropIns(data+"/wal", data+"/begun-with", true))
	if err == nil && len(wrote) > 0 {
		err = unit.Reload(ctx)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	state, err := unit.State(ctx)
	fmt.Println(state, err)
}
