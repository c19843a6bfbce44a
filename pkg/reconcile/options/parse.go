package options

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// parser reads options, whatever JSON, YAML and Juju's own wire make of their values.
type parser struct {
	raw     map[string]any
	options Options
}

func (p *parser) bad(name string) bool { return slices.Contains(p.options.Bad, name) }

func (p *parser) fault(name string, value any, allowed string) {
	p.options.Bad = append(p.options.Bad, name)
	p.options.Faults = append(p.options.Faults, fmt.Sprintf("Option %s is %v; it must be %s.", name, quoted(value), allowed))
}

func quoted(value any) string {
	if s, ok := value.(string); ok {
		return strconv.Quote(s)
	}
	return fmt.Sprint(value)
}

// number takes what JSON, YAML and Juju's own wire make of an integer.
func (p *parser) number(name string, low, high int64, allowed string, set func(int64)) {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return
	}
	var n int64
	switch v := value.(type) {
	case int:
		n = int64(v)
	case int32:
		n = int64(v)
	case int64:
		n = v
	case float64:
		if v != math.Trunc(v) || math.Abs(v) > 1<<53 {
			p.fault(name, value, allowed)
			return
		}
		n = int64(v)
	case string:
		parsed, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			p.fault(name, value, allowed)
			return
		}
		n = parsed
	default:
		p.fault(name, value, allowed)
		return
	}
	if n < low || n > high {
		p.fault(name, value, allowed)
		return
	}
	set(n)
}

func (p *parser) text(name, allowed string, accept func(string) bool) {
	value, ok := p.raw[name]
	if ok && value != nil && !accept(p.words(name)) {
		p.fault(name, value, allowed)
	}
}

// words is an option as text, without the space around it; empty if it is not set.
func (p *parser) words(name string) string {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return ""
	}
	text, isText := value.(string)
	if !isText {
		text = fmt.Sprint(value)
	}
	return strings.TrimSpace(text)
}

// units are what a size may end with.
var units = map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}

// size takes bytes, or a number with one of the units; auto and an empty text set nothing.
func (p *parser) size(name, allowed string, ends []string, low, high int64, set func(int64)) {
	p.text(name, allowed, func(text string) bool {
		if text == "" || text == "auto" {
			return true
		}
		digits, factor := text, int64(1)
		for _, unit := range ends {
			if number, ok := strings.CutSuffix(text, unit); ok {
				digits, factor = strings.TrimSpace(number), units[unit]
			}
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 1 || n > high/factor || n*factor < low {
			return false
		}
		set(n * factor)
		return true
	})
}

func (p *parser) flag(name string, set func(bool)) {
	value, ok := p.raw[name]
	if !ok || value == nil {
		return
	}
	b, isBool := value.(bool)
	if !isBool {
		parsed, err := strconv.ParseBool(fmt.Sprint(value))
		if err != nil {
			p.fault(name, value, "true or false")
			return
		}
		b = parsed
	}
	set(b)
}
