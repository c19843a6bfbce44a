// Package pki is what the product knows of certificates. It reads them, and the keys beside them,
// out of PEM texts that others have written, and has its own signed by whoever has a certificate
// authority: a unit its leaves, the daemon its client certificate.
//
// # Use
//
//	bundle, err := pki.Certificates(text) // all of them or none: one that is left out would be missed
//	offered, _ := pki.Readable(text)      // those that can be read: others may write what they like
//	used := pki.Among(bundle, fingerprints)
//
//	asked, err = asked.Ask(pki.Subject{CommonName: "10.0.0.4", Names: names}) // the first makes a key
//	asked = asked.Answered() // the next request's certificate is in use
//
// When a certificate is to be replaced depends on those above it: Due, Authority, Ways, Path.
//
// # Guarantees
//
//   - A certificate is a PEM block of type CERTIFICATE and nothing else, as it is for crypto/tls and
//     so for etcd. Other blocks, and what stands around blocks, are passed over. No other package
//     looks through a PEM text for itself.
//   - How long a text may be is for who receives it to say: there is no limit here.
//   - A request is the same text until it is asked anew: whoever approves requests by hand sees each
//     once.
//   - The next request is made with the same key as the one before. So a renewed certificate takes the
//     place of the old one by one rename, and no handshake ever meets a certificate with another's key.
//   - No error and no String holds key material. What holds it is PrivateKey's result, and Asked when
//     it is encoded: who keeps them keeps them for root alone.
//
// Keys are ECDSA on P-256: every supported etcd serves them, with the charm's own cipher suites and
// with TLS 1.3 whatever the list is.
//
// Values are immutable; all of it is safe for concurrent use.
package pki
