package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"

	"github.com/intact-gateway/intact/gateway"
)

// form is how a panel shows what it is told.
type form int

const (
	lines    form = iota // a curve for each series
	areas                // curves stacked on each other
	number               // the newest value, large
	dial                 // the newest value on a scale
	bars                 // the newest value of each series as a bar
	timeline             // a band of states for each series
	list                 // a table
)

// panel is one window of a dashboard.
type panel struct {
	form  form
	title gateway.Text
	about gateway.Text // what it shows and how to read it; empty where the title says it
	w, h  uint32       // of 24 columns, and in rows; 0 for what suits the form
	unit  string       // one of Grafana's; "" for a plain number

	ask  []query   // in PromQL over /metrics; only Prometheus answers
	read []reading // of points; every data source answers

	low, high  *float64 // of the scale
	decimals   *float64
	steps      []step // colours from a value on
	words      []word // for numbers that are states
	columns    []column
	openPlaces bool // a click on a series leads to the facility on the page

	x, y uint32 // where it is, set by place
}

// query is a question in PromQL.
type query struct {
	expr   string
	zh     string       // in its place on a Chinese dashboard, where a label differs; "" for the same
	legend gateway.Text // "" is the name of the facility
}

func (q query) in(l gateway.Language) string {
	if l == gateway.Chinese && q.zh != "" {
		return q.zh
	}
	return q.expr
}

// step is the colour from a value on. The first one holds for all below.
type step struct {
	from  float64
	color string
}

// word is how a number is said.
type word struct {
	value string
	text  gateway.Text
	color string
}

// column is one column of a list, in order.
type column struct {
	field string // a label, or "Value #A" for the value of the first query; "name" and "title" are of the language
	title gateway.Text
	unit  string
	words []word
	link  string // where a click leads; $value is the value of the cell
}

// size is what a panel takes if it does not say.
func (p panel) size() (w, h uint32) {
	w, h = 12, 8
	switch p.form {
	case number, dial:
		w, h = 4, 4
	case timeline:
		w, h = 24, 9
	}
	if p.w > 0 {
		w = p.w
	}
	if p.h > 0 {
		h = p.h
	}
	return w, h
}

// place sets the panels side by side from the upper left corner, row by row.
func place(panels []panel) []panel {
	placed := make([]panel, 0, len(panels))
	var x, y, tallest uint32
	for _, p := range panels {
		w, h := p.size()
		if x+w > 24 {
			x, y, tallest = 0, y+tallest, 0
		}
		p.x, p.y, p.w, p.h = x, y, w, h
		x, tallest = x+w, max(tallest, h)
		placed = append(placed, p)
	}
	return placed
}

// built is a panel on its way to Grafana.
type built struct {
	panel
	source   source
	language gateway.Language
	id       uint32
}

// Build implements cog.Builder.
func (b built) Build() (dashboard.Panel, error) {
	p, err := b.shape().Build()
	if err != nil {
		return p, fmt.Errorf("panel %q: %w", b.title.EN, err)
	}
	p.Id = &b.id
	title, about := b.title.In(b.language), b.about.In(b.language)
	p.Title, p.Description = &title, &about
	p.Datasource = new(b.source.ref())
	p.GridPos = &dashboard.GridPos{X: b.x, Y: b.y, W: b.w, H: b.h}
	p.Targets = b.source.targets(b.panel, b.language)
	b.setFields(&p)
	if b.form == list {
		b.setColumns(&p)
	}
	return p, nil
}

// gap is how long a curve bridges a time without values, in milliseconds. A
// steady point is stored every 10 minutes, so this tells a gap from rest.
const gap = 15 * 60 * 1000

// shape returns what is particular to the form.
func (b built) shape() cog.Builder[dashboard.Panel] {
	legend := common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true)
	newest := common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})
	switch b.form {
	case number:
		return stat.NewPanelBuilder().ReduceOptions(newest).GraphMode(common.BigValueGraphModeArea).ColorMode(common.BigValueColorModeValue)
	case dial:
		return gauge.NewPanelBuilder().ReduceOptions(newest)
	case bars:
		return bargauge.NewPanelBuilder().ReduceOptions(newest).Orientation(common.VizOrientationHorizontal).DisplayMode(common.BarGaugeDisplayModeBasic)
	case timeline:
		return statetimeline.NewPanelBuilder().Legend(legend).ShowValue(common.VisibilityModeNever).RowHeight(0.8).MergeValues(true).FillOpacity(80).SpanNullsThreshold(gap)
	case list:
		return table.NewPanelBuilder().ShowHeader(true).CellHeight(common.TableCellHeightSm).Filterable(true)
	}
	curve := timeseries.NewPanelBuilder().Legend(legend).LineWidth(1).ShowPoints(common.VisibilityModeAuto).
		SpanNulls(common.BoolOrFloat64{Float64: new(float64(gap))}).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if b.form == areas {
		return curve.FillOpacity(40).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A"))
	}
	if len(b.steps) > 0 {
		curve.ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
	return curve.FillOpacity(5)
}

// setFields sets unit, scale, colours, words and links of the values of p.
func (b built) setFields(p *dashboard.Panel) {
	if p.FieldConfig == nil {
		p.FieldConfig = dashboard.NewFieldConfigSource()
	}
	f := &p.FieldConfig.Defaults
	if b.unit != "" {
		f.Unit = &b.unit
	}
	f.Min, f.Max, f.Decimals = b.low, b.high, b.decimals
	f.Mappings = mappings(b.words, b.language)
	f.NoValue = new("—") // never 0 for what is not known
	if len(b.steps) > 0 {
		f.Thresholds = thresholds(b.steps)
		if b.form == number || b.form == dial || b.form == bars {
			f.Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}
		}
	}
	if b.openPlaces {
		f.Links = []dashboard.DashboardLink{link(openFacility.In(b.language), pageURL+"/?open=${__field.labels.facility}#f-${__field.labels.facility}")}
	}
}

var openFacility = gateway.Text{ZH: "打开设施", EN: "Open the facility"}

func thresholds(steps []step) *dashboard.ThresholdsConfig {
	t := &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute}
	for i, s := range steps {
		value := &s.from
		if i == 0 {
			value = nil // Grafana's way to write minus infinity
		}
		t.Steps = append(t.Steps, dashboard.Threshold{Value: value, Color: s.color})
	}
	return t
}

func mappings(words []word, l gateway.Language) []dashboard.ValueMapping {
	if len(words) == 0 {
		return nil
	}
	m := dashboard.NewValueMap()
	m.Options = make(map[string]dashboard.ValueMappingResult, len(words))
	for i, w := range words {
		text := w.text.In(l)
		r := dashboard.ValueMappingResult{Text: &text, Index: new(int32(i))}
		if w.color != "" {
			r.Color = &w.color
		}
		m.Options[w.value] = r
	}
	return []dashboard.ValueMapping{{ValueMap: m}}
}

func link(title, url string) dashboard.DashboardLink {
	l := dashboard.NewDashboardLink()
	l.Title, l.Url, l.TargetBlank, l.Placement = title, &url, true, nil
	return *l
}

// setColumns makes one table of all queries of p: rows with the same labels are
// one row, with a column for the value of each query.
func (b built) setColumns(p *dashboard.Panel) {
	order, names, keep := map[string]int{}, map[string]string{}, []string{}
	for i, c := range b.columns {
		if c.field == "name" || c.field == "title" {
			c.field += "_" + string(b.language)
		}
		order[c.field], names[c.field] = i, c.title.In(b.language)
		keep = append(keep, c.field)
		properties := []dashboard.DynamicConfigValue{}
		if c.unit != "" {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "unit", Value: c.unit})
		}
		if len(c.words) > 0 {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "mappings", Value: mappings(c.words, b.language)})
		}
		if c.link != "" {
			properties = append(properties, dashboard.DynamicConfigValue{Id: "links", Value: []dashboard.DashboardLink{link(openPage.In(b.language), pageURL+c.link)}})
		}
		if len(properties) > 0 {
			p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, dashboard.DashboardFieldConfigSourceOverrides{
				Matcher: dashboard.MatcherConfig{Id: "byName", Options: names[c.field]}, Properties: properties,
			})
		}
	}
	p.Transformations = []dashboard.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "filterFieldsByName", Options: map[string]any{"include": map[string]any{"names": keep}}},
		{Id: "organize", Options: map[string]any{"indexByName": order, "renameByName": names, "excludeByName": map[string]bool{}}},
	}
}

var openPage = gateway.Text{ZH: "打开网关页面", EN: "Open the page of the gateway"}
