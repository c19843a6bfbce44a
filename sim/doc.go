// Package sim is one running jujusim: a controller with its API, the control socket, and a fleet of machines and agents for each
// model.
//
// Run does it all and returns when ctx is done or stop was asked for; then nothing of it is left running. What it writes is below
// its folder, which only its owner may enter:
//
//	control.sock             the verbs' socket
//	lock                     held while it runs, so that a folder has one instance
//	ca.crt                   the controller's CA
//	juju/{controllers,accounts,models}.yaml
//	                         a juju client's store: JUJU_DATA=DIR/juju makes clients log in as the administrator
//	m/                       machines of the first model; m-NAME/ those of others
//
// The state is in memory and ends with the instance; the machines' folders stay, to be looked at, until the next one starts there.
//
// An instance owns a /24 of loopback addresses: it holds the first address's port 17070, which is the API; machines follow from the
// tenth address on. With OwnNetworks machines have a /24 beside, of which the host has the first address, and cannot reach the API.
package sim
