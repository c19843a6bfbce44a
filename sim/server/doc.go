// Package server shows a model.Controller as Juju's API: TLS websocket, JSON frames, login,
// permissions and facades, as the chosen profile's recordings say.
//
//	s, err := server.New(server.Options{Controller: c, Address: "127.0.0.1:0"})
//	err = s.Run(ctx) // until ctx is done; then all connections are closed and all goroutines have ended
//
// The same calls can be made in process with Call, which the command line uses: it goes through the
// same dispatch and the same permissions as a frame.
//
// A controller begins with one machine, which is an address of the API; AddController and its like
// are what high availability does to it at run time. Logins report the machines as recorded ones
// do.
//
// Facades are named by the profile; a method that the real Juju has and this one does not is
// refused with the code not supported and a message that says so. Faults break what lies between
// client and server, never the state.
package server
