// Package nagios is what a machine gives to Nagios: two checks for its remote executor (nrpe), what
// they need, and the services that the Nagios server may collect.
//
// # Use
//
//	files := nagios.Files{Root: "/", Disk: disk}
//	wrote, err := files.Write(nagios.Checks{Unit: "etcd/0", Host: "juju-etcd-0", Groups: "juju", Agent: program})
//	err = files.WriteAlarms(nagios.Alarms{At: time.Now(), Active: []string{"etcd0 NOSPACE"}})
//	removed, err := files.Remove()
//
// # Guarantees
//
//   - Files have the names, and the service files the content, that charmhelpers gives them, so
//     that what a Nagios server knows of an etcd charm before this one goes on.
//   - Nothing is written before nrpe is installed (ErrNotInstalled), and nothing that is as it
//     should be.
//   - The checks need no key: cron has the agent write the list of alarms, as root, with its time.
//     A check says UNKNOWN where the list is older than 5 minutes, or etcd could not be asked;
//     CRITICAL is said of active alarms alone.
//   - The job of cron prints nothing, so it sends no mail.
//   - Remove leaves nothing, also of the charm before this one.
//
// # Who writes what
//
//	/etc/nagios/nrpe.d/check_{snap.etcd.etcd,etcd-alarms}.cfg           every hook, while related to nrpe
//	/var/lib/nagios/export/service__HOST_check_{…}.cfg                  every hook, where the folder is there
//	/usr/lib/nagios/plugins/check_etcd-{alarms,service}.py              every hook
//	/etc/cron.d/check_etcd-alarms                                       every hook
//	/var/lib/nagios/etcd-alarm-list.txt                                 the agent's alarms, run by cron, and by the hook that
//	                                                                    writes the checks
package nagios

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"jujuetcd.io/pkg/apis/v1alpha1"
	"jujuetcd.io/pkg/machine/durable"
	"jujuetcd.io/pkg/printable"
)

// Paths of production.
const (
	configDir  = "/etc/nagios/nrpe.d"
	exportDir  = "/var/lib/nagios/export"
	pluginDir  = "/usr/lib/nagios/plugins"
	cronFile   = "/etc/cron.d/check_etcd-alarms"
	alarmsFile = "/var/lib/nagios/etcd-alarm-list.txt"
)

// Service is the service that the first check is about.
const Service = v1alpha1.ServiceName

// ErrNotInstalled says that there is no nrpe on the machine yet.
var ErrNotInstalled = errors.New("cannot write Nagios checks: nrpe is not installed yet")

//go:embed check_etcd-alarms.py
var alarmsPlugin []byte

//go:embed check_etcd-service.py
var servicePlugin []byte

// Checks are what the checks are made from.
type Checks struct {
	// Unit is the unit as Nagios shows it, such as etcd/0 or prod:etcd/0.
	Unit string
	// Host is the host's name in Nagios.
	Host string
	// Groups are service groups, separated by commas.
	Groups string
	// Agent is the program that writes the list of alarms, and OfUnit the unit that it does so for.
	Agent, OfUnit string
}

// check is one check of nrpe.
type check struct{ name, description, command string }

func (c Checks) all() []check {
	return []check{
		{Service, "process check {" + c.Unit + "}", pluginDir + "/check_etcd-service.py " + Service},
		{"etcd-alarms", "etcd alarms {" + c.Unit + "}", pluginDir + "/check_etcd-alarms.py " + alarmsFile},
	}
}

// formerChecks are names of checks that were given before.
var formerChecks = []string{"etcd"}

// Monitors is the checks as the relation hands them to nrpe, in YAML.
func (c Checks) Monitors() string {
	text := "monitors:\n  remote:\n    nrpe:\n"
	for _, one := range c.all() {
		text += fmt.Sprintf("      %s:\n        command: check_%s\n", one.name, one.name)
	}
	return text
}

// Files are Nagios' files below a machine's root.
type Files struct {
	Root string
	Disk *durable.Disk
}

func (f Files) path(p string) string { return filepath.Join(f.Root, p) }

// Write makes the files be as the checks want them, and returns the paths of those that changed.
// Where nrpe is not installed the error is ErrNotInstalled, and nothing is written.
func (f Files) Write(c Checks) ([]string, error) {
	if !f.isDir(configDir) {
		return nil, ErrNotInstalled
	}
	for _, dir := range []string{pluginDir, filepath.Dir(cronFile), filepath.Dir(alarmsFile)} {
		if err := f.Disk.MkdirAll(f.path(dir), 0o755); err != nil {
			return nil, err
		}
	}
	files := []durable.File{
		{Path: f.path(pluginDir + "/check_etcd-alarms.py"), Data: alarmsPlugin, Mode: 0o755},
		{Path: f.path(pluginDir + "/check_etcd-service.py"), Data: servicePlugin, Mode: 0o755},
		{Path: f.path(cronFile), Data: []byte(cron(c)), Mode: 0o644},
	}
	var export []string
	for _, one := range c.all() {
		files = append(files, durable.File{Path: f.path(configDir + "/check_" + one.name + ".cfg"), Data: []byte(config(c, one)), Mode: 0o644})
		if f.isDir(exportDir) {
			path := f.path(exportDir + "/" + serviceFile(c.Host, one.name))
			files = append(files, durable.File{Path: path, Data: []byte(service(c, one)), Mode: 0o644})
			export = append(export, path)
		}
	}
	wrote, err := f.Disk.Write(files...)
	if err != nil {
		return wrote, err
	}
	// A host that was renamed leaves the service files of its former name.
	former, err := f.exported()
	if err != nil {
		return wrote, err
	}
	removed, err := f.remove(slices.DeleteFunc(former, func(path string) bool { return slices.Contains(export, path) }))
	return append(wrote, removed...), err
}

// Remove removes all that Write and WriteAlarms write, and returns the paths of what was there.
func (f Files) Remove() ([]string, error) {
	// Cron first: what it starts would write the list again.
	paths := []string{f.path(cronFile), f.path(alarmsFile)}
	for _, name := range names() {
		paths = append(paths, f.path(configDir+"/check_"+name+".cfg"))
	}
	exported, err := f.exported()
	if err != nil {
		return nil, err
	}
	paths = append(paths, exported...)
	paths = append(paths, f.path(pluginDir+"/check_etcd-alarms.py"), f.path(pluginDir+"/check_etcd-service.py"))
	return f.remove(paths)
}

func (f Files) remove(paths []string) ([]string, error) {
	var removed []string
	for _, path := range paths {
		was, err := f.Disk.Remove(path)
		if was {
			removed = append(removed, path)
		}
		if err != nil {
			return removed, err
		}
	}
	return removed, nil
}

// names are those of all checks that there are or were.
func names() []string {
	all := slices.Clone(formerChecks)
	for _, one := range (Checks{}).all() {
		all = append(all, one.name)
	}
	return all
}

// exported are the service files of our checks that are there, whatever host they are for.
func (f Files) exported() ([]string, error) {
	entries, err := os.ReadDir(f.path(exportDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look for Nagios services: %w", err)
	}
	var found []string
	for _, entry := range entries {
		ours := slices.ContainsFunc(names(), func(name string) bool { return strings.HasSuffix(entry.Name(), "_check_"+name+".cfg") })
		if ours && strings.HasPrefix(entry.Name(), "service__") {
			found = append(found, f.path(exportDir+"/"+entry.Name()))
		}
	}
	return found, nil
}

func (f Files) isDir(path string) bool {
	info, err := os.Stat(f.path(path))
	return err == nil && info.IsDir()
}

// Alarms is what the agent found when it asked etcd.
type Alarms struct {
	At time.Time
	// Active are a member and its alarm each, such as "etcd0 NOSPACE".
	Active []string
	// Fault is why etcd could not be asked.
	Fault string
}

// WriteAlarms replaces the list of alarms, as long as there are checks that read it.
func (f Files) WriteAlarms(a Alarms) error {
	if !f.Wanted() {
		return nil
	}
	text := fmt.Sprintf("checked %d %s\n", a.At.Unix(), a.At.UTC().Format(time.RFC3339))
	for _, alarm := range a.Active {
		text += "alarm " + oneLine(alarm) + "\n"
	}
	if a.Fault != "" {
		text += "error " + oneLine(a.Fault) + "\n"
	}
	if _, err := f.Disk.Write(durable.File{Path: f.path(alarmsFile), Data: []byte(text), Mode: 0o644}); err != nil {
		return err
	}
	if !f.Wanted() { // a hook has removed the checks meanwhile
		_, err := f.Disk.Remove(f.path(alarmsFile))
		return err
	}
	return nil
}

// Wanted says that there are checks which read the list of alarms.
func (f Files) Wanted() bool {
	_, err := os.Lstat(f.path(cronFile))
	return err == nil
}

func cron(c Checks) string {
	return "# Written by the etcd charm: the list of alarms that the Nagios check check_etcd-alarms reads.\n" +
		"MAILTO=\"\"\n" +
		fmt.Sprintf("* * * * * root [ -x %s ] && %s alarms %s >/dev/null 2>&1\n", c.Agent, c.Agent, c.OfUnit)
}

func config(c Checks, one check) string {
	return fmt.Sprintf("# check %s\n"+
		"# The following header was added automatically by juju\n"+
		"# Modifying it will affect nagios monitoring and alerting\n"+
		"# servicegroups: %s\n"+
		"command[check_%s]=%s\n", one.name, oneLine(c.Groups), one.name, one.command)
}

func service(c Checks, one check) string {
	host := hostName(c.Host)
	return fmt.Sprintf("#---------------------------------------------------\n"+
		"# This file is Juju managed\n"+
		"#---------------------------------------------------\n"+
		"define service {\n"+
		"    use                             active-service\n"+
		"    host_name                       %s\n"+
		"    service_description             %s[%s] %s\n"+
		"    check_command                   check_nrpe!check_%s\n"+
		"    servicegroups                   %s\n"+
		"}\n", host, host, one.name, oneLine(one.description), one.name, oneLine(c.Groups))
}

func serviceFile(host, name string) string {
	return "service__" + hostName(host) + "_check_" + name + ".cfg"
}

var notInHost = regexp.MustCompile(`[^A-Za-z0-9._:@-]`)

// hostName has nothing in it that could end a line or leave a folder: it comes from an option and
// from a relation.
func hostName(text string) string { return notInHost.ReplaceAllString(text, "-") }

// oneLine keeps what comes from elsewhere from adding lines to a file.
func oneLine(text string) string { return printable.Line(text, printable.Reason) }
