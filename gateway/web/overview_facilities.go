package web

import (
	"slices"
	"strconv"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// buildingView holds the facilities of one building, by class.
type buildingView struct {
	Name   string
	Groups []*groupView
}

// groupView holds the facilities of one class in one building. ID lets the page's
// script find the heading again.
type groupView struct {
	ID         string
	Name       string
	Count      int
	States     []stateCount // of those that are not simply up
	Facilities []facilityCard
}

// stateCount says how many facilities of a group are in one state.
type stateCount struct {
	State, Text string
	Count       int
}

// facilityCard is one line of the list of facilities. It has Points only while
// it is open: a large site has too many to send with every page.
type facilityCard struct {
	words
	ID               gateway.FacilityID
	Name, Place      string
	State, StateText string
	Word, Since      string // shown unless the facility is up
	Severity         string // of its worst alert; "" if it has none to speak of
	SeverityText     string
	Keys             []valueView
	Points           []valueView
	Open             bool
}

// valueView is one value with everything that says how far to trust it.
type valueView struct {
	ID      gateway.PointID
	Label   string
	Text    string
	Status  string
	Quality string
	At      int64 // ms; 0 if it never came
	Age     string
}

// keyRoles are, by class, the roles of the points that tell most about a
// facility at a glance; at most two of them are shown.
var keyRoles = map[gateway.Class][]string{
	gateway.Elevator:      {"floor", "mode"},
	gateway.Escalator:     {"run", "direction"},
	gateway.Pump:          {"run", "pressure.outlet", "current"},
	gateway.PumpGroup:     {"pressure.outlet", "pressure.setpoint"},
	gateway.Drive:         {"speed.hz", "current", "run"},
	gateway.Sump:          {"level", "run"},
	gateway.WaterTank:     {"level", "turbidity", "chlorine"},
	gateway.FirePanel:     {"fire_alarm", "fault"},
	gateway.FireWater:     {"pressure.hydrant", "pressure.sprinkler", "level"},
	gateway.ElectricMeter: {"power", "voltage.l1", "energy.import"},
	gateway.WaterMeter:    {"flow", "volume"},
	gateway.GasMeter:      {"flow", "volume"},
	gateway.HeatMeter:     {"power", "temperature"},
	gateway.Transformer:   {"temperature", "power"},
	gateway.Generator:     {"mode", "run", "voltage.l1"},
	gateway.HVAC:          {"temperature", "run"},
	gateway.LeakSensor:    {"leak", "battery"},
	gateway.Environment:   {"temperature", "humidity"},
	gateway.Line:          {gateway.LinkPoint},
}

// keyPoints returns the points of facility number i that the overview shows.
// Where none has a role that is known for its class, the first one is taken. A
// role that several points share is passed over: one detector without alarm
// must not speak for all.
func keyPoints(site *gateway.Site, i int) []gateway.PointRef {
	const most = 2
	var refs []gateway.PointRef
	shared := false
	first, end := site.PointsOf(i)
	for _, role := range keyRoles[site.Facilities()[i].Class] {
		found := gateway.NoPoint
		n := 0
		for ref := first; ref < end; ref++ {
			if site.Point(ref).Role == role {
				found = ref
				n++
			}
		}
		shared = shared || n > 1
		if n == 1 && len(refs) < most {
			refs = append(refs, found)
		}
	}
	for ref := first; ref < end && len(refs) == 0 && !shared; ref++ {
		if site.Point(ref).Name != gateway.LinkPoint {
			refs = append(refs, ref)
		}
	}
	return refs
}

// worstAlerts returns the worst severity, from warning on, of the shown alerts
// whose condition lasts, by facility. A fire panel that reports a fire works as
// it should: it is up, and must not look as if all were well.
func worstAlerts(snap *pipeline.Snapshot) map[gateway.FacilityID]rules.Severity {
	worst := make(map[gateway.FacilityID]rules.Severity)
	for _, a := range snap.Alerts {
		if a.Visibility == alerts.Shown && a.Phase != rules.Normal && a.Severity >= rules.Warning {
			worst[a.Facility] = max(worst[a.Facility], a.Severity)
		}
	}
	return worst
}

// buildingsOf groups the facilities by building and class, in the order of the
// site file.
func buildingsOf(snap *pipeline.Snapshot, w words, open string) []buildingView {
	var buildings []buildingView
	building := make(map[string]int)
	groups := make(map[string]*groupView)
	worst := worstAlerts(snap)
	for i, f := range snap.Site.Facilities() {
		b, ok := building[f.Building]
		if !ok {
			b = len(buildings)
			building[f.Building] = b
			buildings = append(buildings, buildingView{Name: buildingName(f.Building, w)})
		}
		key := f.Building + "\x00" + string(f.Class)
		g := groups[key]
		if g == nil {
			g = &groupView{ID: "g-" + strconv.Itoa(len(groups)), Name: f.Class.Name().In(w.lang)}
			groups[key] = g
			buildings[b].Groups = append(buildings[b].Groups, g)
		}
		g.add(shownClass(snap, i), w)
		card := cardOf(snap, i, w, open == string(f.ID))
		if severity, alarmed := worst[f.ID]; alarmed {
			card.Severity, card.SeverityText = severity.String(), w.T("severity."+severity.String())
		}
		g.Facilities = append(g.Facilities, card)
	}
	return buildings
}

// add counts a facility. Those that are up are the rest, and not listed.
func (g *groupView) add(c intact.Class, w words) {
	g.Count++
	if c == intact.Up {
		return
	}
	n := slices.IndexFunc(g.States, func(s stateCount) bool { return s.State == c.String() })
	if n < 0 {
		n = len(g.States)
		g.States = append(g.States, stateCount{State: c.String(), Text: w.T("class." + c.String())})
	}
	g.States[n].Count++
}

// cardOf makes the entry of facility number i, with all its points if open.
func cardOf(snap *pipeline.Snapshot, i int, w words, open bool) facilityCard {
	f, state, class := snap.Site.Facilities()[i], snap.Facilities[i], shownClass(snap, i)
	c := facilityCard{
		words: w, ID: f.ID, Name: facilityName(snap.Site, f.ID, w), Place: f.Place, Open: open,
		State: class.String(), StateText: w.T("class." + class.String()),
	}
	switch {
	case class != state.Class:
		c.StateText = w.T("facility.unread")
		c.Word = c.StateText
	case class != intact.Up:
		c.Word = c.StateText
		if !state.Since.IsZero() {
			c.Since = timeText(state.Since, snap.At, snap.Site.Location)
		}
	}
	for _, ref := range keyPoints(snap.Site, i) {
		c.Keys = append(c.Keys, valueOf(snap, ref, w))
	}
	if open {
		for ref, end := snap.Site.PointsOf(i); ref < end; ref++ {
			c.Points = append(c.Points, valueOf(snap, ref, w))
		}
	}
	return c
}

// shownClass returns the state that facility number i is shown in. One that no
// rule says is down, but of which not one value can be read, is not shown as up:
// nobody sees that it is well.
func shownClass(snap *pipeline.Snapshot, i int) intact.Class {
	if class := snap.Facilities[i].Class; class != intact.Up || !unread(snap, i) {
		return class
	}
	return intact.Unknown
}

// unread reports whether not one value of facility number i can be read.
func unread(snap *pipeline.Snapshot, i int) bool {
	first, end := snap.Site.PointsOf(i)
	for ref := first; ref < end; ref++ {
		if snap.Site.Point(ref).Name != gateway.LinkPoint && honest(snap.Values[ref]).Quality.HasValue() {
			return false
		}
	}
	return snap.Site.Facilities()[i].Class.Counted()
}

// valueOf makes the line of one point.
func valueOf(snap *pipeline.Snapshot, ref gateway.PointRef, w words) valueView {
	p, v := snap.Site.Point(ref), honest(snap.Values[ref])
	view := valueView{
		ID: p.ID(), Label: p.Text.In(w.lang), Text: valueText(p, v, w),
		Status: v.Quality.Status(), Quality: w.T("quality." + v.Quality.String()), At: int64(v.At),
	}
	if view.Label == "" {
		view.Label = p.Name
	}
	if !v.At.IsZero() {
		view.Age = durationText(snap.At.Sub(v.At), w)
	}
	return view
}
