// Package netns makes networks that end with the program: a Namespace, a network namespace that a thread of this program is in; and an
// Ethernet, which gives each machine of jujusim a namespace of its own, so that one machine can be cut off from the others.
//
// # Use
//
// Available says why not, where it cannot be done: it takes root, and the programs ip and nft. New makes a Namespace, Inside does
// something in it, Enter takes the caller's thread into it. NewEthernet makes the network of machines, Join a machine's Port in it, Cut
// and Mend part a machine from the others and bring it back. Close gives up each of them.
//
// # Guarantees
//
//   - No name is left on the host but that of the one link which leads to an Ethernet; bridges, ports and rules are all in namespaces
//     without a name. The kernel ends these with the last thread or process in them, and the link with its other end: nothing is left
//     also where the program is killed.
//   - No rule of the host's firewall is touched, and no setting of its kernel.
//   - All methods are safe for concurrent use.
package netns
