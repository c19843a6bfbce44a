package policy

// SpecFields are the paths of all fields below spec that a file may have.
func SpecFields() map[string]bool { return leaves(policyShape.fields["spec"]) }

func leaves(s shape) map[string]bool {
	out := map[string]bool{}
	for name, child := range s.fields {
		if len(child.fields) == 0 {
			out[name] = true
		}
		for path := range leaves(child) {
			out[name+"."+path] = true
		}
	}
	return out
}
