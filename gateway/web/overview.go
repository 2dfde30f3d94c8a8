package web

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/rules"
)

// maxCards bounds the alerts and the tickets on the page; more are counted.
const maxCards = 200

// pageView is all that the overview shows, ready to be printed.
type pageView struct {
	words
	Site, Zone, Version, Other string
	Now, At                    int64 // ms, as scripts count
	Seq                        uint64
	AsOf, Age                  string
	Stalled                    bool
	Name                       string
	Role                       string // of who is logged in; "" where there is no login
	Notice                     *noticeView
	Banner                     bannerView
	Rates                      ratesView
	Alerts                     []alertView
	AlertCount, AlertsMore     int
	Shelved                    int
	Tickets                    []ticketView
	TicketCount, TicketsMore   int
	Buildings                  []buildingView
}

// noticeView is what came of an act, shown above everything else.
type noticeView struct{ Kind, Title, Text string }

// overviewOf makes the page of snap. The facility named open is shown with all
// its points.
func (s *server) overviewOf(snap *pipeline.Snapshot, w words, open string) pageView {
	loc, age := snap.Site.Location, s.ageOf(snap)
	v := pageView{
		words: w, Site: snap.Site.Name.In(w.lang), Zone: loc.String(), Version: s.o.Version, Other: string(gateway.Chinese),
		Now: int64(snap.At.Add(age)), At: int64(snap.At), Seq: snap.Seq, AsOf: snap.At.In(loc).Format("15:04:05"),
		Stalled: age >= freshFor, Age: durationText(age, w),
		Rates: ratesOf(snap, w), Buildings: buildingsOf(snap, w, open),
	}
	if w.lang == gateway.Chinese {
		v.Other = string(gateway.English)
	}
	for _, a := range byUrgency(snap.Alerts) {
		if a.Visibility != alerts.Shown {
			continue
		}
		if a.Shelved() {
			v.Shelved++
		}
		if v.AlertCount++; len(v.Alerts) < maxCards {
			v.Alerts = append(v.Alerts, alertOf(snap, a, w))
		}
	}
	v.Tickets, v.TicketCount = ticketsOf(snap, w)
	v.AlertsMore, v.TicketsMore = v.AlertCount-len(v.Alerts), v.TicketCount-len(v.Tickets)
	v.Banner = bannerOf(snap, w, v.Stalled)
	return v
}

// --- Banner ---

// bannerView is the first thing people see: how bad it is, and what it is.
type bannerView struct {
	words
	Level, Icon, Headline string
	Mark                  string // before the page's title, so that a tab tells, too
	Facts                 []factView
}

// factView is one count of the banner, or one sentence if Number is 0.
type factView struct {
	Level  string
	Number int
	Text   string
}

// bannerOf says what is wrong now. It says that all is well only if every
// facility is known to be.
func bannerOf(snap *pipeline.Snapshot, w words, stalled bool) bannerView {
	b := bannerView{words: w}
	note := func(n int, level, text, headline string) {
		if n == 0 {
			return
		}
		if b.Headline == "" {
			b.Level, b.Headline = level, w.T(headline)
		}
		b.Facts = append(b.Facts, factView{level, n, text})
	}
	active, shelved, worst := activeAlerts(snap)
	for _, sev := range []rules.Severity{rules.LifeSafety, rules.Critical} {
		note(active[sev], sev.String(), w.T("severity."+sev.String()), "banner.alerts")
	}
	states, lost, heard := countStates(snap)
	note(states[intact.Down], "critical", w.T("class.down"), "banner.down")
	note(lost, "critical", w.T("banner.lines"), "banner.lines")
	for _, d := range snap.Degraded {
		if b.Headline == "" {
			b.Level, b.Headline = "critical", w.T("banner.self")
		}
		b.Facts = append(b.Facts, factView{"critical", 0, d})
	}
	note(overdueTickets(snap), "critical", w.T("banner.overdue"), "banner.tickets")
	note(active[rules.Warning], "warning", w.T("severity.warning"), "banner.alerts")
	note(states[intact.Unknown], "unknown", w.T("class.unknown"), "banner.unknown")
	note(shelved, "info", w.T("shelf.count"), "banner.shelved")
	if worst != nil && worst.Severity >= rules.Critical {
		b.Headline = facilityName(snap.Site, worst.Facility, w) + " · " + worst.Title.In(w.lang)
	}
	switch {
	case stalled && b.Headline == "":
		b.Level, b.Headline = "unknown", w.T("stalled")
	case b.Headline != "":
	case !heard:
		b.Level, b.Headline = "unknown", w.T("banner.nothing")
	default:
		b.Level, b.Headline = "ok", w.T("banner.ok")
	}
	note(states[intact.Planned], "info", w.T("class.planned"), "")
	note(states[intact.Up]+states[intact.Degraded], "ok", w.T("class.up"), "")
	b.Icon, b.Mark = iconOf(b.Level), marks[b.Level]
	return b
}

// marks say in one character how bad it is.
var marks = map[string]string{"life_safety": "⛔", "critical": "◆", "warning": "▲", "unknown": "?", "ok": "●"}

// iconOf returns the shape that stands beside the colour of a level, for whoever
// does not see the colour.
func iconOf(level string) string {
	if level == "ok" {
		return "up"
	}
	return level
}

// activeAlerts counts the shown alerts whose condition lasts, by severity and
// those that are shelved apart, and returns the one to be looked at first.
func activeAlerts(snap *pipeline.Snapshot) (n map[rules.Severity]int, shelved int, worst *alerts.Alert) {
	n = make(map[rules.Severity]int)
	for _, a := range byUrgency(snap.Alerts) {
		if a.Visibility != alerts.Shown || a.Phase == rules.Normal {
			continue
		}
		if a.Shelved() {
			shelved++
			continue
		}
		n[a.Severity]++
		if worst == nil {
			worst = &a
		}
	}
	return n, shelved, worst
}

// countStates counts the facilities by state, the lines and other parts of the
// gateway that are down apart, and says whether anything was ever heard.
func countStates(snap *pipeline.Snapshot) (n map[intact.Class]int, lost int, heard bool) {
	n = make(map[intact.Class]int)
	for i, f := range snap.Site.Facilities() {
		state := snap.Facilities[i]
		heard = heard || !state.Heard.IsZero()
		switch {
		case f.Class.Counted():
			n[shownClass(snap, i)]++
		case state.Class == intact.Down:
			lost++
		}
	}
	return n, lost, heard
}

// overdueTickets counts the tickets with a running clock that has run out.
func overdueTickets(snap *pipeline.Snapshot) (n int) {
	for _, t := range snap.Tickets {
		if _, at := nextClock(t); at != 0 && at < snap.At {
			n++
		}
	}
	return n
}

// --- Alerts ---

// alertView is one card of the list of alerts.
type alertView struct {
	words
	ID                      alerts.ID
	Severity, SeverityText  string
	Title, Facility, Where  string
	FacilityID              gateway.FacilityID
	Point                   gateway.PointID
	PointText               string
	Value, Limit, Peak      string
	Since, For              string
	Started                 int64 // ms; 0 once it is over, so that For stands still
	Marks                   []markView
	Acked                   bool
	AckedBy, AckUntil       string
	Latched                 bool // a person may reset it
	Quiet                   bool // nothing to be done in a hurry: acknowledged, returned or shelved
	Shelf                   shelfView
	Response, Cause, Effect string
	HasWhy                  bool
}

// markView is a small label on a card; Kind gives its colour.
type markView struct{ Kind, Text string }

// byUrgency returns the alerts with what needs a person first: what is shelved
// last, active before returned, the worst first, unacknowledged first, then the
// newest.
func byUrgency(all []alerts.Alert) []alerts.Alert {
	rank := func(a *alerts.Alert) int {
		n := int(a.Severity) * 2
		if a.Phase != rules.Normal {
			n += 100
		}
		if a.Shelved() {
			n -= 1000
		}
		if !a.Acked {
			n++
		}
		return n
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b alerts.Alert) int {
		return cmp.Or(cmp.Compare(rank(&b), rank(&a)), cmp.Compare(b.Started, a.Started))
	})
	return sorted
}

// alertOf makes the card of a. The value shown is that of the point now, not
// the one that raised the alert: people want to know whether it still is so bad.
func alertOf(snap *pipeline.Snapshot, a alerts.Alert, w words) alertView {
	v := alertView{
		words: w, ID: a.ID, Severity: a.Severity.String(), SeverityText: w.T("severity." + a.Severity.String()),
		Title: a.Title.In(w.lang), Facility: facilityName(snap.Site, a.Facility, w), FacilityID: a.Facility,
		Where: whereOf(snap.Site, a.Facility, w), Point: a.Point,
		Since: timeText(a.Started, snap.At, snap.Site.Location), For: durationText(snap.At.Sub(a.Started), w), Started: int64(a.Started),
		Acked: a.Acked, AckedBy: a.AckedBy, Latched: a.Latch && a.Phase == rules.Active, Quiet: a.Acked || a.Phase == rules.Normal || a.Shelved(),
		Shelf:    shelfOf(snap, a, w),
		Response: a.Why.Response.In(w.lang), Cause: a.Why.Cause.In(w.lang), Effect: a.Why.Consequence.In(w.lang),
	}
	if a.Phase == rules.Normal && !a.Cleared.IsZero() {
		v.Since += " – " + timeText(a.Cleared, snap.At, snap.Site.Location)
		v.For, v.Started = durationText(a.Cleared.Sub(a.Started), w), 0
	}
	if !a.AckUntil.IsZero() {
		v.AckUntil = fmt.Sprintf(w.T("alert.again"), timeText(a.AckUntil, snap.At, snap.Site.Location))
	}
	v.HasWhy = v.Response+v.Cause+v.Effect != ""
	if ref, ok := snap.Site.Lookup(a.Point); ok {
		p := snap.Site.Point(ref)
		v.Value = valueText(p, snap.Values[ref], w)
		if p.Name != gateway.LinkPoint && !p.Text.IsZero() { // which of many phases or contacts it is
			v.PointText = p.Text.In(w.lang) + w.T("colon")
		}
		if (p.Kind == gateway.Analog || p.Kind == gateway.Counter) && number(a.Limit) != nil {
			v.Limit = numberText(p, a.Limit, w)
		}
		// While it is active people see the value as it is; it may be worse by now.
		if a.Phase == rules.Normal && number(a.Peak) != nil && v.Limit != "" {
			v.Peak = numberText(p, a.Peak, w)
		}
	}
	mark := func(on bool, kind, text string) {
		if on {
			v.Marks = append(v.Marks, markView{kind, text})
		}
	}
	mark(v.Shelf.On, "shelf", v.Shelf.Note)
	mark(a.Chattering(), "stale", fmt.Sprintf(w.T("alert.chatter"), a.Chatter.Times))
	mark(a.Phase == rules.Normal && !a.Acked, "good", w.T("alert.returned"))
	mark(a.Phase == rules.Normal && a.Acked, "good", w.T("alert.over"))
	mark(a.Phase == rules.Clearing, "good", w.T("alert.clearing"))
	mark(a.Stale, "stale", w.T("alert.stale"))
	mark(a.Children > 0, "", strconv.Itoa(a.Children)+" "+w.T("alert.hides"))
	if t := ticketOf(snap, a); t != nil {
		mark(true, "", w.T("alert.ticket")+" "+t.Number)
	}
	return v
}

// facilityName returns what people call a facility, or its id if it has no name
// or is no longer part of the site.
func facilityName(site *gateway.Site, id gateway.FacilityID, w words) string {
	if f := site.Facility(id); f != nil && !f.Name.IsZero() {
		return f.Name.In(w.lang)
	}
	return string(id)
}

// whereOf says where people have to go.
func whereOf(site *gateway.Site, id gateway.FacilityID, w words) string {
	f := site.Facility(id)
	if f == nil {
		return ""
	}
	var parts []string
	if f.Building != "" {
		parts = append(parts, buildingName(f.Building, w))
	}
	if f.Place != "" {
		parts = append(parts, f.Place)
	}
	return strings.Join(parts, " · ")
}

// buildingName makes "1" into the name of a building; a name stays as it is.
func buildingName(b string, w words) string {
	if _, err := strconv.Atoi(b); err == nil {
		return strings.Replace(w.T("building"), "N", b, 1)
	}
	if b == "" {
		return w.T("no_building")
	}
	return b
}
