package main

import (
	"bytes"
	"context"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"jujuetcd.io/deploy/dashboards"
	"jujuetcd.io/test/prometheus"
)

// Sizes of the page in pixels; a dashboard's grid has 24 columns.
const (
	pageWidth  = 1320
	columns    = 24
	rowHeight  = 26
	gap        = 4
	headHeight = 40
)

// rate is the interval of rates, as Grafana takes it for a scrape every 15 s.
const rate = time.Minute

func pageHeight(board dashboards.Board) int {
	rows := 0
	for _, p := range board.Panels {
		rows = max(rows, p.Position.Y+p.Position.H)
	}
	return headHeight + rows*rowHeight + gap
}

// box is a panel on the page.
type box struct {
	Title        string
	X, Y, W, H   int
	Color, Value string // of a stat
	Chart        template.HTML
	Legend       []entry
}

// entry is one line of a legend.
type entry struct{ Color, Text string }

// palette tells series apart.
var palette = []string{"#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#ffa6b0", "#96d98d", "#ffee52", "#c0d8ff", "#ffb357"}

var named = map[string]string{"green": "#37872d", "orange": "#c15c17", "red": "#ad0317"}

// draw asks for everything between two times and returns the page.
func draw(ctx context.Context, server *prometheus.Server, from, to time.Time) ([]byte, error) {
	board, err := dashboards.Panels()
	if err != nil {
		return nil, err
	}
	var boxes []box
	for _, p := range board.Panels {
		b := box{
			Title: p.Title, X: p.Position.X * pageWidth / columns, Y: headHeight + p.Position.Y*rowHeight,
			W: p.Position.W*pageWidth/columns - gap, H: p.Position.H*rowHeight - gap,
		}
		if p.Type == "stat" {
			err = b.stat(ctx, server, p)
		} else {
			err = b.series(ctx, server, p, from, to)
		}
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{
		"Title": board.Title, "Boxes": boxes, "Width": pageWidth, "Height": pageHeight(board),
		"Span": fmt.Sprintf("%s to %s", from.UTC().Format("15:04:05"), to.UTC().Format("15:04:05")),
	})
	return out.Bytes(), err
}

func (b *box) stat(ctx context.Context, server *prometheus.Server, p dashboards.Panel) error {
	samples, err := server.Query(ctx, p.Targets[0].Filled("production", "etcd", rate))
	if err != nil {
		return err
	}
	if len(samples) != 1 {
		return fmt.Errorf("cannot draw %s: it has %d values", p.Title, len(samples))
	}
	value := samples[0].Points[0].Value
	decimals := 0
	if d := p.Field.Defaults.Decimals; d != nil {
		decimals = *d
	}
	b.Value = format(value, p.Field.Defaults.Unit, decimals)
	for _, step := range p.Field.Defaults.Thresholds.Steps {
		if step.Value == nil || value >= *step.Value {
			b.Color = named[step.Color]
		}
	}
	return nil
}

// line is one series of a chart.
type line struct {
	name   string
	points []prometheus.Point
}

func (b *box) series(ctx context.Context, server *prometheus.Server, p dashboards.Panel, from, to time.Time) error {
	var lines []line
	for _, target := range p.Targets {
		samples, err := server.QueryRange(ctx, target.Filled("production", "etcd", rate), from, to, 2*time.Second)
		if err != nil {
			return err
		}
		for _, s := range samples {
			lines = append(lines, line{name: legend(target.Legend, s.Labels), points: s.Points})
		}
	}
	if len(lines) == 0 {
		return fmt.Errorf("cannot draw %s: it shows nothing", p.Title)
	}
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.name, b.name) })
	if p.Field.Defaults.Custom.Stacking.Mode == "normal" {
		stack(lines)
	}
	b.chart(lines, p, from, to)
	return nil
}

// legend fills in a legend's labels.
func legend(format string, labels map[string]string) string {
	for name, value := range labels {
		format = strings.ReplaceAll(format, "{{"+name+"}}", value)
	}
	return format
}

// stack adds each line to the one before, where both have a value.
func stack(lines []line) {
	sum := map[float64]float64{}
	for _, l := range lines {
		for i, point := range l.points {
			sum[point.At] += point.Value
			l.points[i].Value = sum[point.At]
		}
	}
}

// What is left around the chart, in pixels.
const (
	left, right, top, bottom = 60, 10, 28, 54
)

func (b *box) chart(lines []line, p dashboards.Panel, from, to time.Time) {
	low, high := math.Inf(1), math.Inf(-1)
	for _, l := range lines {
		for _, point := range l.points {
			if !math.IsNaN(point.Value) {
				low, high = min(low, point.Value), max(high, point.Value)
			}
		}
	}
	if p.Field.Defaults.Min != nil {
		low = *p.Field.Defaults.Min
	}
	ticks := scale(low, high, p.Field.Defaults.Unit == "bytes")
	low, high = ticks[0], ticks[len(ticks)-1]
	width, height := float64(b.W-left-right), float64(b.H-top-bottom)
	x := func(at float64) float64 { return left + (at-unix(from))/(unix(to)-unix(from))*width }
	y := func(v float64) float64 { return top + height - (v-low)/(high-low)*height }
	var svg strings.Builder
	for _, tick := range ticks {
		fmt.Fprintf(&svg, `<line class="grid" x1="%d" y1="%.1f" x2="%.1f" y2="%.1f"/><text class="axis" text-anchor="end" x="%d" y="%.1f">%s</text>`,
			left, y(tick), left+width, y(tick), left-6, y(tick)+3.5, template.HTMLEscapeString(format(tick, p.Field.Defaults.Unit, tickDecimals(ticks, p.Field.Defaults.Unit))))
	}
	for at := from.Truncate(time.Minute).Add(time.Minute); at.Before(to); at = at.Add(time.Minute) {
		fmt.Fprintf(&svg, `<text class="axis" text-anchor="middle" x="%.1f" y="%.1f">%s</text>`, x(unix(at)), top+height+14, at.UTC().Format("15:04"))
	}
	fill := float64(p.Field.Defaults.Custom.FillOpacity) / 100
	for i, l := range slices.Backward(lines) {
		color := palette[i%len(palette)]
		for _, run := range runs(l.points) {
			var path strings.Builder
			for j, point := range run {
				fmt.Fprintf(&path, "%s%.1f,%.1f", map[bool]string{true: "M", false: "L"}[j == 0], x(point.At), y(point.Value))
			}
			if fill > 0 {
				fmt.Fprintf(&svg, `<path fill="%s" fill-opacity="%.2f" d="%sL%.1f,%.1fL%.1f,%.1fZ"/>`, color, fill, path.String(),
					x(run[len(run)-1].At), y(low), x(run[0].At), y(low))
			}
			fmt.Fprintf(&svg, `<path fill="none" stroke="%s" stroke-width="1.3" d="%s"/>`, color, path.String())
		}
	}
	b.Chart = template.HTML(svg.String())
	for i, l := range lines {
		b.Legend = append(b.Legend, entry{palette[i%len(palette)], l.name})
	}
}

func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// runs are the stretches of a line without a hole.
func runs(points []prometheus.Point) [][]prometheus.Point {
	var all [][]prometheus.Point
	var run []prometheus.Point
	for _, p := range points {
		hole := math.IsNaN(p.Value) || len(run) > 0 && p.At-run[len(run)-1].At > 2.5
		if hole && len(run) > 0 {
			all, run = append(all, run), nil
		}
		if !math.IsNaN(p.Value) {
			run = append(run, p)
		}
	}
	if len(run) > 0 {
		all = append(all, run)
	}
	return all
}

// scale are round numbers from below the lowest value to above the highest; bytes are round in powers of 1024.
func scale(low, high float64, bytes bool) []float64 {
	if bytes && high >= 1024 {
		ticks := scale(low/1024, high/1024, true)
		for i := range ticks {
			ticks[i] *= 1024
		}
		return ticks
	}
	if math.IsInf(low, 0) || math.IsInf(high, 0) || high <= low {
		if math.IsInf(low, 0) {
			low = 0
		}
		high = low + 1
	}
	step := math.Pow(10, math.Floor(math.Log10((high-low)/3)))
	for _, factor := range []float64{1, 2, 5, 10} {
		if (high-low)/(step*factor) <= 4.5 {
			step *= factor
			break
		}
	}
	var ticks []float64
	for v := math.Floor(low/step) * step; ; v += step {
		ticks = append(ticks, v)
		if v >= high {
			return ticks
		}
	}
}

// tickDecimals is how many digits tell two ticks apart.
func tickDecimals(ticks []float64, unit string) int {
	for decimals := 0; decimals < 4; decimals++ {
		seen := map[string]bool{}
		for _, tick := range ticks {
			seen[format(tick, unit, decimals)] = true
		}
		if len(seen) == len(ticks) {
			return decimals
		}
	}
	return 4
}

// format writes a value in a unit of Grafana's.
func format(v float64, unit string, decimals int) string {
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', decimals, 64) }
	switch unit {
	case "percentunit":
		return number(v*100) + " %"
	case "s":
		switch {
		case v == 0:
			return "0 s"
		case v < 1e-3:
			return number(v*1e6) + " µs"
		case v < 1:
			return number(v*1e3) + " ms"
		}
		return number(v) + " s"
	case "bytes", "Bps":
		units, suffix := []string{"B", "KiB", "MiB", "GiB"}, ""
		base := 1024.0
		if unit == "Bps" {
			units, base, suffix = []string{"B", "kB", "MB", "GB"}, 1000, "/s"
		}
		i := 0
		for ; v >= base && i < len(units)-1; i++ {
			v /= base
		}
		return number(v) + " " + units[i] + suffix
	case "ops", "reqps":
		return short(v, decimals) + "/s"
	}
	return short(v, decimals)
}

func short(v float64, decimals int) string {
	if math.Abs(v) >= 10000 {
		return strconv.FormatFloat(v/1000, 'f', max(decimals, 1), 64) + " k"
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

var page = template.Must(template.New("page").Parse(`<!doctype html><meta charset="utf-8"><title>{{.Title}}</title>
<style>
body { margin: 0; background: #111217; color: #d8d9da; font: 12px "DejaVu Sans", sans-serif; width: {{.Width}}px; height: {{.Height}}px; position: relative; overflow: hidden }
h1 { margin: 0; padding: 11px 10px; font-size: 16px; font-weight: 500 } h1 span { color: #8e8e8e; font-size: 12px; margin-left: 12px }
.box { position: absolute; background: #181b1f; border: 1px solid #25282d; border-radius: 2px; box-sizing: border-box; overflow: hidden }
.title { position: absolute; left: 9px; top: 6px; font-size: 12px; font-weight: 500; z-index: 1 }
.value { position: absolute; inset: 22px 0 0 0; display: flex; align-items: center; justify-content: center; font-size: 34px; font-weight: 500; color: #fff }
svg { position: absolute; left: 0; top: 0 } .grid { stroke: #2c3036; stroke-width: 1 } .axis { fill: #8e8e8e; font-size: 10px }
.legend { position: absolute; left: 10px; right: 6px; bottom: 4px; height: 29px; line-height: 14px; overflow: hidden; font-size: 9.5px; color: #b5b6b8 }
.legend b { display: inline-block; width: 10px; height: 3px; margin: 0 4px 3px 0 } .legend span { margin-right: 9px; white-space: nowrap; display: inline-block }
</style>
<h1>{{.Title}}<span>Cluster etcd-production &nbsp; {{.Span}}</span></h1>
{{range .Boxes}}<div class="box" style="left:{{.X}}px;top:{{.Y}}px;width:{{.W}}px;height:{{.H}}px{{if .Color}};background:{{.Color}}{{end}}">
<div class="title">{{.Title}}</div>{{if .Value}}<div class="value">{{.Value}}</div>{{else}}
<svg width="{{.W}}" height="{{.H}}">{{.Chart}}</svg><div class="legend">{{range .Legend}}<span><b style="background:{{.Color}}"></b>{{.Text}}</span>{{end}}</div>{{end}}</div>
{{end}}`))
