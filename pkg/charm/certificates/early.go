package certificates

import (
	"jujuetcd.io/pkg/machine/tlsfiles"
	"jujuetcd.io/pkg/pki"
)

// withheld says which leaf is offered and not used, because not every member trusts its authority
// yet, where that is no mere wait: the unit has none, or the one that it has should be renewed by
// now.
func (d *Desk) withheld(o *Offer) error {
	if len(o.early) == 0 {
		return nil
	}
	server, client, err := d.Machine.Leaves()
	if err != nil {
		return err
	}
	have := map[tlsfiles.Name]tlsfiles.Held{tlsfiles.Server: server, tlsfiles.Client: client}
	for _, name := range o.early {
		h := have[name]
		if h.Certificate != nil && pki.Due(h.Certificate, h.Authority, nil, d.Run.Now()) == "" {
			continue
		}
		o.trouble("%s gives a %s certificate of an authority that not every member trusts yet: it is used as soon as all have been restarted.",
			o.Application, name)
	}
	return nil
}
