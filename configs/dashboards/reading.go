package dashboards

import (
	"fmt"
	"strings"

	"github.com/intact-gateway/intact/gateway"
)

// reading asks for points of the chosen facilities, whatever stores them.
type reading struct {
	classes string // of the facilities, as a regular expression
	points  string // names, as a regular expression
	how     how
	over    string  // the time that mean, lowest, highest, grown and share look back on
	scale   float64 // the value is multiplied by it; 0 for 1
	sum     bool    // over all that is found, or by the label per
	per     string  // "" or "facility"
	several bool    // a facility has more than one of the points
	legend  gateway.Text
}

// how is what is wanted of the samples.
type how int

const (
	newest  how = iota // as they come
	mean               // of the time behind
	lowest             // of the time behind
	highest            // of the time behind
	grown              // by how much a counter grew in the time behind
)

// here selects the gateway that is chosen. Two gateways under one Prometheus
// may both have a lift-1.
const here = `instance="$gateway"`

// named adds what facilities are called to an expression over facilities.
func named(expr string) string {
	return "(" + expr + `) * on(instance, facility) group_left(name_zh, name_en) intact_facility_info{` + here + `}`
}

// promQL asks Prometheus for what /metrics told it.
func (r reading) promQL() string {
	expr := r.overTime(fmt.Sprintf(`intact_point_value{%s,facility=~"$facility",point=~"%s"}`, here, r.points), "")
	if r.sum {
		return r.summed(expr, "instance, ")
	}
	return named(expr)
}

// victoria asks VictoriaMetrics for samples that came by the write of InfluxDB:
// there a measurement and its field value become one name. A point that does not
// change is stored every 10 minutes, so the newest sample may be that old.
func (r reading) victoria() string {
	expr := r.overTime(fmt.Sprintf(`{__name__=~"(%s)_value",building=~"$building",facility=~"$facility",point=~"%s"}`, r.classes, r.points), "15m")
	if r.sum {
		return r.summed(expr, "")
	}
	return expr
}

// overTime is selector with what is wanted of it, in PromQL. Where stored is not
// "", a sample counts as the newest that long.
func (r reading) overTime(selector, stored string) string {
	expr := selector
	switch {
	case r.how == newest && stored != "":
		expr = fmt.Sprintf("last_over_time(%s[%s])", selector, stored)
	case r.how == mean:
		expr = fmt.Sprintf("avg_over_time(%s[%s])", selector, r.over)
	case r.how == lowest:
		expr = fmt.Sprintf("min_over_time(%s[%s])", selector, r.over)
	case r.how == highest:
		expr = fmt.Sprintf("max_over_time(%s[%s])", selector, r.over)
	case r.how == grown:
		expr = fmt.Sprintf("increase(%s[%s])", selector, r.over)
	}
	if r.scale != 0 {
		expr += fmt.Sprintf(" * %g", r.scale)
	}
	return expr
}

func (r reading) summed(expr, with string) string {
	if r.per == "" {
		return "sum(" + expr + ")"
	}
	expr = fmt.Sprintf("sum by (%s%s) (%s)", with, r.per, expr)
	if with != "" {
		return named(expr)
	}
	return expr
}

// influxQL asks InfluxDB. What looks back on a time in PromQL is here worked out
// once for each such time; a time without samples stays empty.
func (r reading) influxQL() string {
	function := map[how]string{
		newest: `last("value")`, mean: `mean("value")`, lowest: `min("value")`, highest: `max("value")`,
		grown: `non_negative_difference(last("value"))`,
	}[r.how]
	if r.scale != 0 {
		function += fmt.Sprintf(" * %g", r.scale)
	}
	every := r.over
	if every == "" {
		every = "$__interval"
	}
	rows := fmt.Sprintf(`SELECT %s AS "value" FROM /^(%s)$/ WHERE "building" =~ /^$building$/ AND "facility" =~ /^$facility$/ AND "point" =~ /^(%s)$/ AND $timeFilter GROUP BY time(%s), "facility", "point" fill(none)`,
		function, r.classes, r.points, every)
	if !r.sum {
		return rows
	}
	by := "time(" + every + ")"
	if r.per != "" {
		by += `, "` + r.per + `"`
	}
	return fmt.Sprintf(`SELECT sum("value") FROM (%s) WHERE $timeFilter GROUP BY %s fill(none)`, rows, by)
}

// alias is what InfluxDB calls a series.
func (r reading) alias(l gateway.Language) string {
	switch {
	case r.legend.In(l) != "":
		return strings.NewReplacer("{{facility}}", "$tag_facility", "{{point}}", "$tag_point").Replace(r.legend.In(l))
	case r.several:
		return "$tag_facility $tag_point"
	default:
		return "$tag_facility"
	}
}

// facilities selects what the page is about in Prometheus: lines and the gateway
// itself are shown among the gateway's own affairs.
const facilities = here + `,building=~"$building",class!~"line|gateway"`

// metricLabels asks Prometheus which buildings, classes, facilities or points
// there are.
func metricLabels(label, classes string) string {
	if label == "point" {
		return "label_values(intact_point_value{" + chosen + "}, point)"
	}
	where := here + `,class!~"line|gateway"`
	if label == "facility" {
		where = facilities
		if classes != "" {
			where = fmt.Sprintf(`%s,building=~"$building",class=~"%s"`, here, classes)
		}
	}
	return fmt.Sprintf("label_values(intact_facility_info{%s}, %s)", where, label)
}

// victoriaLabels asks VictoriaMetrics the same.
func victoriaLabels(label, classes string) string {
	if classes == "" {
		classes = ".+"
	}
	where := fmt.Sprintf(`__name__=~"(%s)_value"`, classes)
	switch label {
	case "facility":
		where += `,building=~"$building"`
	case "point":
		where += `,facility=~"$facility"`
	}
	return fmt.Sprintf("label_values({%s}, %s)", where, label)
}

// influxTags asks InfluxDB the same.
func influxTags(label, classes string) string {
	question := "SHOW TAG VALUES"
	if classes != "" {
		question += fmt.Sprintf(" FROM /^(%s)$/", classes)
	}
	question += fmt.Sprintf(` WITH KEY = "%s"`, label)
	switch label {
	case "facility":
		question += ` WHERE "building" =~ /^$building$/`
	case "point":
		question += ` WHERE "facility" =~ /^$facility$/`
	}
	return question
}
