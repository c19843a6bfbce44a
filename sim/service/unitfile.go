package service

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"
)

// unitDir is where unit files and their drop-ins lie below a machine's root.
const unitDir = "etc/systemd/system"

// wantsDir holds a link for each enabled unit.
const wantsDir = unitDir + "/multi-user.target.wants"

// defaultTimeoutStop is systemd's DefaultTimeoutStopSec.
const defaultTimeoutStop = 90 * time.Second

// infinity is systemd's word for a time span without end.
const infinity = time.Duration(1<<63 - 1)

// settings are what one unit file with its drop-ins says.
type settings struct {
	execStart          []string
	restart            string
	restartPause       time.Duration
	timeoutStop        time.Duration
	startLimitInterval time.Duration
	startLimitBurst    int
	conditions         []string
}

// Filename is a unit's name with its suffix, as systemctl understands names.
func Filename(name string) string {
	if strings.HasSuffix(name, ".service") {
		return name
	}
	return name + ".service"
}

// load reads a unit file and its drop-ins, in the order of their names; the second result says whether there is one at all.
func load(root, name string) (settings, bool, error) {
	s := settings{
		restart:            "no",
		restartPause:       100 * time.Millisecond,
		timeoutStop:        defaultTimeoutStop,
		startLimitInterval: 10 * time.Second,
		startLimitBurst:    5,
	}
	file := filepath.Join(root, unitDir, Filename(name))
	if err := s.read(file); errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	} else if err != nil {
		return s, false, err
	}
	dropIns, err := filepath.Glob(file + ".d/*.conf")
	if err != nil {
		return s, false, fmt.Errorf("cannot list the drop-ins of %s: %w", name, err)
	}
	sort.Strings(dropIns)
	for _, d := range dropIns {
		if err := s.read(d); err != nil {
			return s, false, err
		}
	}
	return s, true, nil
}

func (s *settings) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("cannot read unit file: %w", err)
	}
	defer func() { _ = f.Close() }()
	section := ""
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			section = strings.Trim(line, "[]")
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		s.set(section, strings.TrimSpace(key), strings.TrimSpace(value))
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("cannot read unit file %s: %w", file, err)
	}
	return nil
}

// set takes one assignment. Like systemd it keeps the old value where the new one does not parse.
func (s *settings) set(section, key, value string) {
	switch section + "." + key {
	case "Service.ExecStart":
		s.execStart = strings.Fields(value)
	case "Service.Restart":
		s.restart = value
	case "Service.RestartSec":
		setSpan(&s.restartPause, value)
	case "Service.TimeoutStopSec":
		setSpan(&s.timeoutStop, value)
	case "Unit.StartLimitIntervalSec", "Unit.StartLimitInterval", "Service.StartLimitInterval":
		setSpan(&s.startLimitInterval, value)
	case "Unit.StartLimitBurst", "Service.StartLimitBurst":
		if n, err := strconv.Atoi(value); err == nil {
			s.startLimitBurst = n
		}
	case "Unit.ConditionPathExists":
		if value == "" {
			s.conditions = nil
			return
		}
		s.conditions = append(s.conditions, value)
	}
}

func setSpan(d *time.Duration, value string) {
	if v, err := parseSpan(value); err == nil {
		*d = v
	}
}

var spanUnits = map[string]time.Duration{
	"": time.Second, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second,
	"seconds": time.Second, "m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute, "h": time.Hour,
	"hr": time.Hour, "hour": time.Hour, "hours": time.Hour, "d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
}

// parseSpan reads a time span as systemd writes it: 10, 100ms, "1min 30s", infinity.
func parseSpan(text string) (time.Duration, error) {
	if text == "infinity" {
		return infinity, nil
	}
	rest := strings.ReplaceAll(text, " ", "")
	if rest == "" {
		return 0, fmt.Errorf("cannot parse time span %q", text)
	}
	var total time.Duration
	for rest != "" {
		end := strings.IndexFunc(rest, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
		if end < 0 {
			end = len(rest)
		}
		number, err := strconv.ParseFloat(rest[:end], 64)
		if err != nil {
			return 0, fmt.Errorf("cannot parse time span %q", text)
		}
		rest = rest[end:]
		end = strings.IndexFunc(rest, func(r rune) bool { return r >= '0' && r <= '9' })
		if end < 0 {
			end = len(rest)
		}
		unit, ok := spanUnits[rest[:end]]
		if !ok {
			return 0, fmt.Errorf("cannot parse time span %q", text)
		}
		rest = rest[end:]
		total += time.Duration(number * float64(unit))
	}
	return total, nil
}

// met says whether all conditions hold: every plain one, and one at least of those that begin with a bar.
func (s *settings) met(root string) bool {
	triggers, triggered := 0, false
	for _, c := range s.conditions {
		c, trigger := strings.CutPrefix(c, "|")
		c, negated := strings.CutPrefix(c, "!")
		_, err := os.Stat(filepath.Join(root, c))
		holds := (err == nil) != negated
		switch {
		case trigger:
			triggers++
			triggered = triggered || holds
		case !holds:
			return false
		}
	}
	return triggers == 0 || triggered
}
