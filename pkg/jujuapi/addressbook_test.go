package jujuapi_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"jujuetcd.io/pkg/jujuapi"
)

// book opens the file at path as the daemon does; what fails, fails the test.
func book(t *testing.T, path string) *jujuapi.AddressBook {
	t.Helper()
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }
	return jujuapi.OpenAddressBook(path, write, func(err error) { t.Error(err) })
}

func TestWhatAControllerPublishedIsUsedOnlyWhereTheSameOneIsConfigured(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	other, _ := authority(t)
	path := filepath.Join(t.TempDir(), "book")
	lab := jujuapi.Controller{Addresses: []string{"10.0.0.1:17070", "10.0.0.2:17070"}, CACert: ca, Username: "admin"}
	published := []string{"10.0.0.1:17070", "10.0.0.3:17070"}
	book(t, path).Learn(lab, jujuapi.LoginInfo{ControllerUUID: "u", Addresses: published})

	for _, test := range []struct {
		name   string
		change func(*jujuapi.Controller)
		want   []string
	}{
		{"as it was", func(*jujuapi.Controller) {}, published},
		{"in another order, with another user", func(c *jujuapi.Controller) {
			c.Addresses, c.Username = []string{"10.0.0.2:17070", "10.0.0.1:17070"}, "bob"
		}, published},
		{"by the same authority in another text", func(c *jujuapi.Controller) { c.CACert = "\n" + ca + "\n" }, published},
		{"by another authority", func(c *jujuapi.Controller) { c.CACert = other }, nil},
		{"by no authority of its own", func(c *jujuapi.Controller) { c.CACert = "" }, nil},
		{"at an address less", func(c *jujuapi.Controller) { c.Addresses = c.Addresses[:1] }, nil},
		{"at another address", func(c *jujuapi.Controller) { c.Addresses = []string{"10.9.0.1:17070"} }, nil},
	} {
		c := lab
		test.change(&c)
		if got := book(t, path).Published(c); !slices.Equal(got, test.want) {
			t.Errorf("known %s: got %v, want %v", test.name, got, test.want)
		}
	}

	noCA, nothing := lab, filepath.Join(t.TempDir(), "book")
	noCA.CACert = ""
	b := book(t, nothing)
	b.Learn(noCA, jujuapi.LoginInfo{Addresses: published})
	if _, err := os.Stat(nothing); b.Published(noCA) != nil || !os.IsNotExist(err) {
		t.Errorf("learnt %v of a controller that cannot be told from others there (%v)", b.Published(noCA), err)
	}
}

func TestTheLastLoginDecidesWhatIsKept(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	c := jujuapi.Controller{Addresses: []string{"10.0.0.1:17070"}, CACert: ca}
	var many, kept []string
	for i := range 2 * jujuapi.MaxPublished {
		many = append(many, fmt.Sprintf("10.0.1.%d:17070", i))
	}
	kept = many[:jujuapi.MaxPublished]
	for _, test := range []struct {
		name            string
		published, want []string
	}{
		{"a machine is added", []string{"10.0.0.1:17070", "10.0.0.2:17070"}, []string{"10.0.0.1:17070", "10.0.0.2:17070"}},
		{"one is removed", []string{"10.0.0.2:17070"}, []string{"10.0.0.2:17070"}},
		{"nothing is published", nil, []string{"10.0.0.2:17070"}},
		{"twice the same, and what makes no sense", []string{"10.0.0.3:17070", "10.0.0.3:17070", "a b:1", "ws://10.0.0.4:1", ""}, []string{"10.0.0.3:17070"}},
		{"far too many", many, kept},
	} {
		path := filepath.Join(t.TempDir(), "book")
		b := book(t, path)
		b.Learn(c, jujuapi.LoginInfo{Addresses: []string{"10.0.0.2:17070"}})
		b.Learn(c, jujuapi.LoginInfo{Addresses: test.published})
		for _, b := range []*jujuapi.AddressBook{b, book(t, path)} {
			if diff := cmp.Diff(test.want, b.Published(c)); diff != "" {
				t.Errorf("%s: %s", test.name, diff)
			}
		}
	}
}

func TestABookHoldsTheControllersThatPublishedLast(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	path := filepath.Join(t.TempDir(), "book")
	b := book(t, path)
	known := func(i int) jujuapi.Controller {
		return jujuapi.Controller{Addresses: []string{fmt.Sprintf("10.0.0.%d:17070", i)}, CACert: ca}
	}
	for i := range jujuapi.MaxKnown + 1 {
		b.Learn(known(i), jujuapi.LoginInfo{Addresses: []string{"10.1.0.1:17070"}})
	}
	if b = book(t, path); b.Published(known(0)) != nil || b.Published(known(1)) == nil || b.Published(known(jujuapi.MaxKnown)) == nil {
		t.Error("it is not the one that published first that is forgotten")
	}
}

func TestABookThatCannotBeReadOrKeptIsReportedAndStopsNothing(t *testing.T) {
	t.Parallel()
	ca, _ := authority(t)
	c := jujuapi.Controller{Addresses: []string{"10.0.0.1:17070"}, CACert: ca}
	info := jujuapi.LoginInfo{Addresses: []string{"10.0.0.2:17070"}}
	for name, text := range map[string]string{"no JSON": "[{", "another JSON": `{"a":1}`, "far too long": strings.Repeat(" ", 2<<20)} {
		var failures []error
		path := filepath.Join(t.TempDir(), "book")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b := jujuapi.OpenAddressBook(path, func(string, string) error { return errors.New("disk full") }, func(err error) { failures = append(failures, err) })
		if len(failures) != 1 || !strings.Contains(failures[0].Error(), path) || b.Published(c) != nil {
			t.Errorf("%s: reported %v, and the book has %v", name, failures, b.Published(c))
		}
		b.Learn(c, info)
		b.Learn(c, info)
		if len(failures) != 2 || !strings.Contains(failures[1].Error(), "disk full") || b.Published(c) == nil {
			t.Errorf("%s, and it cannot be kept: reported %v, and the book has %v", name, failures, b.Published(c))
		}
	}
	path := filepath.Join(t.TempDir(), "book")
	b := jujuapi.OpenAddressBook(path, nil, func(err error) { t.Error(err) })
	b.Learn(c, info)
	if _, err := os.Stat(path); !os.IsNotExist(err) || b.Published(c) == nil {
		t.Errorf("who only looks writes (%v), or learns nothing (%v)", err, b.Published(c))
	}
}

func TestConfiguredAddressesAreTriedBeforePublishedOnesBeforeThoseThatLetNobodyIn(t *testing.T) {
	t.Parallel()
	at := func(hosts ...string) []string {
		var all []string
		for _, h := range hosts {
			all = append(all, h+":17070")
		}
		return all
	}
	for _, test := range []struct {
		name                            string
		configured, published, rejected []string
		first, later                    []string
		// inOrder says that later ones have an order that is not random.
		inOrder bool
	}{
		{name: "nothing is published", configured: at("a", "b"), first: at("a", "b")},
		{name: "some are published", configured: at("a", "b"), published: at("c", "d"), first: at("a", "b"), later: at("c", "d")},
		{name: "published ones are configured", configured: at("a", "b"), published: at("b", "a", "c"), first: at("a", "b"), later: at("c")},
		{name: "published ones make no sense", configured: at("a"), published: []string{"", "a b:1", "ws://b:1", "c:17070"}, first: at("a"), later: at("c")},
		{name: "a configured one lets nobody in", configured: at("a", "b"), published: at("c"), rejected: at("a"), first: at("b"), later: at("c", "a"), inOrder: true},
		{name: "none lets anybody in", configured: at("a"), published: at("b", "c"), rejected: at("c", "a", "b"), later: at("c", "a", "b"), inOrder: true},
		{name: "one that let nobody in is published no more", configured: at("a"), rejected: at("b"), first: at("a")},
	} {
		c := jujuapi.Controller{Addresses: test.configured}
		for range 8 { // the order is random
			first, later, err := jujuapi.Routes(c, test.published, test.rejected)
			if !test.inOrder {
				slices.Sort(later)
			}
			slices.Sort(first)
			if err != nil || !slices.Equal(first, test.first) || !slices.Equal(later, test.later) {
				t.Errorf("%s: got %v then %v, %v; want %v then %v", test.name, first, later, err, test.first, test.later)
			}
		}
	}
	if _, _, err := jujuapi.Routes(jujuapi.Controller{}, at("a"), nil); err == nil {
		t.Error("a controller that is not configured is gone to")
	}
}
