package etcdconf

// Keys are the names of all keys that the version's file may have; nested ones with their side's prefix, as etcd's flags have.
func Keys(v Version) []string {
	var names []string
	for _, k := range keys {
		switch {
		case !k.in(v):
		case k.kind == security:
			for name := range securityKeys {
				if k.name == "peer-transport-security" {
					name = "peer-" + name
				}
				names = append(names, name)
			}
		default:
			names = append(names, k.name)
		}
	}
	return names
}
