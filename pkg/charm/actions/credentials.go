package actions

import (
	"context"
	"fmt"
	"strings"
)

// What the archive of client credentials has always been called, and its folder.
const (
	credentialsFolder = "etcd_credentials"
	credentialsFile   = credentialsFolder + ".tar.gz"
)

// packageClientCredentials hands out the shared client certificate, with all that etcdctl needs
// beside it. The key goes into the archive and nowhere else.
func (a action) packageClientCredentials(ctx context.Context) error {
	fail := func(why string) error {
		return a.run.Tools.FailAction(ctx, "cannot package the client credentials: "+why)
	}
	last, err := a.machine.Last()
	if err != nil {
		return fail(err.Error())
	}
	c, err := a.machine.ClientCredentials()
	switch {
	case err != nil:
		return fail(err.Error())
	case c.CA == "" || c.Certificate == "" || c.Key == "":
		return fail("this unit has no client certificate yet; juju status tells what it waits for")
	case last == nil || len(last.Clients.Endpoints) == 0:
		return fail("no member that serves is known on this unit yet; juju status tells what it waits for")
	}
	data, err := archive(credentialsFolder, []packed{
		{"client.crt", c.Certificate}, {"client.key", c.Key}, {"ca.crt", c.CA},
		{"README.txt", credentialsReadme(a.run.Env.Application(), last.Clients.Endpoints)},
	}, a.run.Now())
	if err != nil {
		return fail(err.Error())
	}
	return a.handOut(ctx, credentialsFile, data,
		"the archive holds a private key: who has it can read and change all data; delete it on the unit when you have fetched it")
}

// credentialsReadme is how etcdctl is told. Its variables are set from the folder that it is read
// in, wherever that is unpacked.
func credentialsReadme(application string, endpoints []string) string {
	all, first := strings.Join(endpoints, ","), endpoints[0]
	return fmt.Sprintf(`Client credentials of the etcd cluster %s

client.crt   the client certificate
client.key   its private key: who has it can read and change all data
ca.crt       the certificate authorities that members' certificates are of

First go to the folder that this file is in: the settings begin there.

    cd %s

etcdctl 3.3 and newer:

    export ETCDCTL_API=3
    export ETCDCTL_CERT="$PWD/client.crt"
    export ETCDCTL_KEY="$PWD/client.key"
    export ETCDCTL_CACERT="$PWD/ca.crt"
    export ETCDCTL_ENDPOINTS=%s

etcdctl 3.2 and older, for keys of the v2 API, which etcd 3.6 does not have and older ones have where enable-v2 is on:

    export ETCDCTL_API=2
    export ETCDCTL_CERT_FILE="$PWD/client.crt"
    export ETCDCTL_KEY_FILE="$PWD/client.key"
    export ETCDCTL_CA_FILE="$PWD/ca.crt"
    export ETCDCTL_ENDPOINT=%s

With ETCDCTL_API=3 those older ones take the settings of the newer ones, and those alone reach keys of the v3 API. Both sets
may be there at once; a newer etcdctl then warns of variables that it does not recognize, and ETCDCTL_API decides.

Try it:

    etcdctl member list

Name a thing once: where ETCDCTL_ENDPOINTS is set, etcdctl ends with "conflicting environment variable" if it is given --endpoints,
too. So it does for ETCDCTL_CERT and --cert, ETCDCTL_KEY and --key, ETCDCTL_CACERT and --cacert. Unset the variable first:

    unset ETCDCTL_ENDPOINTS

The members were these when the archive was made. Run the action again after members have come or gone, or certificates have
been renewed.
`, application, credentialsFolder, all, first)
}
