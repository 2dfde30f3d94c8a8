package report

import (
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
)

//go:embed report.css
var style string

//go:embed report.tmpl
var page string

// Policy is the Content-Security-Policy under which a browser shows the HTML of a
// report: its own style sheet and nothing else.
func Policy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// WriteHTML writes the report as one HTML document in the language l, to look at
// and to print on A4. It needs no other file.
func (r *Report) WriteHTML(w io.Writer, l gateway.Language) error {
	in := words(l)
	t, err := template.New("report").Funcs(template.FuncMap{
		"T": in.T, "In": in.In, "tag": in.Tag, "long": in.Long, "severities": severities,
		"style":   func() template.CSS { return template.CSS(style) },
		"moment":  func(t any) string { return in.momentOf(t) },
		"maybe":   in.maybe,
		"name":    in.nameOf,
		"verdict": verdictOf,
		"deref":   func(b *bool) bool { return *b },
		"text":    func(v any) string { return fmt.Sprint(v) },
		"rows":    func(heading string, rows []Rate) any { return table{heading, rows} },
		"chart":   chartOf,
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := t.Execute(w, r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// table is one table of rates.
type table struct {
	Heading string
	Rows    []Rate
}

func (w words) momentOf(t any) string {
	switch t := t.(type) {
	case time.Time:
		return w.Moment(t)
	case *time.Time:
		if t != nil {
			return w.Moment(*t)
		}
	}
	return "–"
}

func (w words) maybe(ms *int64) string {
	if ms == nil {
		return "–"
	}
	return w.Long(*ms)
}

func (w words) nameOf(r Rate) string { return cmp.Or(w.In(r.Name), r.Key, w.T("no_building")) }

// verdictOf returns how a rate is shown: pass, fail or, without data, none.
func verdictOf(r Rate) string {
	switch {
	case r.Pass == nil:
		return "none"
	case *r.Pass:
		return "pass"
	default:
		return "fail"
	}
}

// chart is the rate of each day as a bar, between 90 and 100 %: what lies below
// is the same disaster.
type chart struct {
	Width, Height int
	Target, Over  int // where the line of the target lies, and what is written over it
	Bottom        int // where the days are written
	Bars          []bar
}

type bar struct {
	X, Y, W, H, Middle  int
	Class, Title, Label string
}

// The measures of the chart, in its own units.
const (
	chartHeight = 120
	chartFoot   = 16
	dayWidth    = 24
	lowest      = 90 // percent
)

func chartOf(days []Day) chart {
	c := chart{Width: dayWidth * len(days), Height: chartHeight + chartFoot, Target: heightOf(intact.Target), Bottom: chartHeight + chartFoot - 4}
	c.Over = c.Target - 3
	for i, d := range days {
		b := bar{X: i*dayWidth + 3, W: dayWidth - 6, Middle: i*dayWidth + dayWidth/2, Class: verdictOf(d.Rate), Label: d.Date[len("2026-11-"):]}
		b.Title = d.Date
		if d.Required > 0 {
			b.Title += " " + *d.Percent + "%"
			b.Y = heightOf(100 * (1 - float64(d.Down)/float64(d.Required)))
		} else {
			b.Y = chartHeight - 2
		}
		b.Y = min(b.Y, chartHeight-2) // something to see of the worst day, too
		b.H = chartHeight - b.Y
		c.Bars = append(c.Bars, b)
	}
	return c
}

// heightOf returns where percent lies, from the top.
func heightOf(percent float64) int {
	return int(chartHeight * (100 - max(percent, lowest)) / (100 - lowest))
}
