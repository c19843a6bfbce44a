package etcdconf

import (
	"fmt"
	"regexp"
	"strconv"
)

// Version is a version of etcd.
type Version struct{ Major, Minor, Patch int }

// The first and the last minor that this package knows.
const (
	FirstMinor = 4
	LastMinor  = 7
)

// A snap's version may have more at its end, such as 3.6.16-ck1.
var versionForm = regexp.MustCompile(`^v?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?([^\d.].*)?$`)

// ParseVersion reads a version and says in a sentence if it is one that cannot be managed.
func ParseVersion(text string) (Version, error) {
	m := versionForm.FindStringSubmatch(text)
	if m == nil {
		return Version{}, fmt.Errorf("cannot read etcd version %q: it should look like 3.6.16", text)
	}
	var v Version
	v.Major, _ = strconv.Atoi(m[1]) // at most four digits each
	v.Minor, _ = strconv.Atoi(m[2])
	v.Patch, _ = strconv.Atoi(m[3])
	if v.Major != 3 || v.Minor < FirstMinor || v.Minor > LastMinor {
		return v, fmt.Errorf("cannot configure etcd %s: versions 3.%d to 3.%d are known", v, FirstMinor, LastMinor)
	}
	return v, nil
}

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }
