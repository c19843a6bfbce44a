package reconcile

import "net/http"

// NameOf is nameOf for tests.
func NameOf(charm string) string { return nameOf(charm) }

// Refusing is the transport of the API server that does not exist.
func Refusing() http.RoundTripper { return refusing{} }

// TroubleOf is troubleOf for tests.
func TroubleOf(err error) (Trouble, bool) { return troubleOf(err) }
