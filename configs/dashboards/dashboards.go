// Package dashboards makes the Grafana dashboards that ship with the gateway.
//
// Each dashboard is written once, as panels that ask for facilities and points,
// and comes out in two languages and for up to three data sources:
//
//   - prometheus: everything that /metrics tells; all nine dashboards.
//   - influxdb: the samples in InfluxDB, asked in InfluxQL, which InfluxDB 1, 2
//     and 3 answer (Flux only 1.8 and 2). It holds samples and nothing else, so
//     the rate, alerts and tickets are left to Prometheus.
//   - victoriametrics: the same samples where VictoriaMetrics stores them, asked
//     in PromQL, because VictoriaMetrics answers no InfluxQL.
//
// The JSON files beside this one are what people load. They are made by
// `go test ./configs/dashboards -update`, and a test holds them to this code. No
// part of the gateway imports this package: Grafana's library stays out of the
// product.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/intact-gateway/intact/gateway"
)

// Languages are the languages that each dashboard is written in.
var Languages = []gateway.Language{gateway.Chinese, gateway.English}

// page is one dashboard before it has a language and a data source.
type page struct {
	id      string // part of the file name and of Grafana's uid
	title   gateway.Text
	about   gateway.Text
	from    string // how far back it looks
	refresh string
	classes string // of the facilities one can choose from, as a regular expression; "" for all
	choose  choice // what the variables choose
	panels  []panel
}

// choice is which variables a dashboard has, besides the gateway.
type choice int

const (
	chooseNothing  choice = iota
	chooseArea            // building and class
	choosePlant           // building and facilities of the page's classes
	chooseFacility        // one facility
)

// pages are all dashboards, in the order in which they link to each other.
func pages() []page {
	return []page{
		overview(), intactRate(), lifts(), fire(), water(), power(), repairs(), health(), facility(),
	}
}

// Files returns every dashboard as Grafana reads it, by its name below this
// directory, such as "prometheus/zh/overview.json".
func Files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, s := range sources {
		for _, l := range Languages {
			for _, p := range pages() {
				p.panels = s.answers(p.panels)
				if len(p.panels) == 0 {
					continue
				}
				text, err := render(p, s, l)
				if err != nil {
					return nil, fmt.Errorf("%s for %s in %s: %w", p.id, s.name, l, err)
				}
				files[path.Join(s.name, string(l), p.id+".json")] = text
			}
		}
	}
	return files, nil
}

// render writes p for the data source s in the language l.
func render(p page, s source, l gateway.Language) ([]byte, error) {
	//lint:ignore SA1019 its successor loads only in Grafana 12 and later; this form loads in those too
	b := dashboard.NewDashboardBuilder(p.title.In(l)).
		Uid(fmt.Sprintf("intact-%s%s-%s", s.short, p.id, l)).
		Description(p.about.In(l)).
		Tags([]string{"intact", s.tag(l)}).
		Timezone("browser").
		Refresh(p.refresh).
		Time(p.from, "now").
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Editable()
	for _, v := range s.variables(p, l) {
		b.WithVariable(v)
	}
	for _, link := range s.links(l) {
		b.Link(link)
	}
	for _, a := range s.annotations(p, l) {
		b.Annotation(a)
	}
	for i, panel := range place(p.panels) {
		b.WithPanel(built{panel, s, l, uint32(i + 1)})
	}
	d, err := b.Build()
	if err != nil {
		return nil, err
	}
	// The library hides links and annotations in a menu; people look for them in
	// the bar.
	for i := range d.Links {
		d.Links[i].Placement = nil
	}
	for i := range d.Annotations.List {
		d.Annotations.List[i].Placement = nil
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err = e.Encode(d)
	return text.Bytes(), err
}
