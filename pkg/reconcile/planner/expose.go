package planner

import (
	"fmt"
	"net/netip"
	"strings"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/jujuapi"
)

// ExposedEndpoint is the endpoint of the charm that is exposed. Its ports are opened for all
// endpoints: an exposure of this one adds to what other exposures let in, and takes nothing from
// it.
const ExposedEndpoint = v1alpha1.EndpointDB

// expose: where the network is closed to us, and the policy allows it, etcd's port is opened to us.
// What is exposed already stays so. A failure is shown in the condition Reachable and waits its
// time there: it holds back nothing, and nothing waits for it.
func expose(in *Situation) (Step, bool) {
	step := Step{Kind: StepExpose, CIDRs: in.unexposed()}
	if !in.Closed || len(step.CIDRs) == 0 || in.Now.Before(in.History.NotBefore[step.Key()]) {
		return Step{}, false
	}
	step.Reason = fmt.Sprintf("Port %d of the units cannot be reached from here, and the policy allows to expose endpoint %s to %s.",
		in.opts.Port, ExposedEndpoint, strings.Join(step.CIDRs, ", "))
	return step, true
}

// allowed are the CIDRs that the policy names, our own address among them if it is known.
func (in *exposure) allowed() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range in.Policy.Network.ExposeTo {
		if text == v1alpha1.ExposeToSelf {
			if self, err := netip.ParseAddr(in.Local); err == nil {
				self = self.Unmap().WithZone("")
				all = append(all, netip.PrefixFrom(self, self.BitLen()))
			}
			continue
		}
		if p, err := netip.ParsePrefix(text); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// unexposed are the CIDRs that the policy allows and from which the port is not exposed yet.
func (in *exposure) unexposed() []string {
	var missing []string
	for _, p := range in.allowed() {
		if !in.Exposures[jujuapi.EveryEndpoint].Covers(p) && !in.Exposures[ExposedEndpoint].Covers(p) {
			missing = append(missing, p.String())
		}
	}
	return missing
}

// surplus is what the endpoint is exposed to and the policy does not allow: a person's doing, or
// ours under another policy or from another address. It cannot be known which, so it is left alone.
func (in *exposure) surplus() []string {
	var own jujuapi.Exposure
	for _, p := range in.allowed() {
		own = own.With(p.String())
	}
	var more []string
	for _, text := range in.Exposures[ExposedEndpoint].CIDRs {
		if p, err := netip.ParsePrefix(text); err == nil && !own.Covers(p) {
			more = append(more, text)
		}
	}
	return more
}

// exposureWords say, in sentences, what exposing has to do with how etcd can be reached; empty if
// nothing.
func (in *exposure) exposureWords() string {
	var words []string
	policy := in.Policy.Network.ExposeTo
	missing := in.unexposed()
	fault := in.History.Faults[Step{Kind: StepExpose}.Key()]
	switch {
	case !in.Closed || len(policy) == 0:
	case len(missing) > 0 && fault != "":
		words = append(words, fmt.Sprintf("It could not be exposed to %s as the policy allows: %s.", strings.Join(missing, ", "), strings.TrimRight(fault, ".")))
	case len(missing) > 0:
	case len(in.allowed()) == 0:
		words = append(words, "The policy allows to expose it to this daemon's own address, which is not known.")
	default:
		words = append(words, fmt.Sprintf("It is exposed to %s as the policy allows: if it stays closed, the units' cloud sees another address of this "+
			"daemon, whose CIDR must be in spec.network.exposeTo.", prefixes(in.allowed())))
	}
	if more := in.surplus(); len(more) > 0 {
		words = append(words, fmt.Sprintf("Endpoint %s is exposed to %s, too, which the policy does not name: that is left alone.",
			ExposedEndpoint, strings.Join(more, ", ")))
	}
	return strings.Join(words, " ")
}

func prefixes(list []netip.Prefix) string {
	texts := make([]string, len(list))
	for i, p := range list {
		texts[i] = p.String()
	}
	return strings.Join(texts, ", ")
}
