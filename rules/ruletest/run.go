package ruletest

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/chain"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Result is what came of one test.
type Result struct {
	Name     string    `json:"name"`
	Path     string    `json:"-"` // of the test in its file
	Failures []Failure `json:"failures"`
}

// Failure is one expectation that was not met.
type Failure struct {
	Path string        // of the expectation in its file
	At   time.Duration // from the beginning of the test
	Rule string        // key of the instance
	Want string
	Got  string
}

// String returns the failure as one line.
func (f Failure) String() string {
	return fmt.Sprintf("at %v %s: want %s, got %s", f.At, f.Rule, f.Want, f.Got)
}

// Run plays all tests of f on site and returns their results in order. The file
// has been validated and checked; compile makes a new engine for site, as a
// start of the gateway does.
func Run(f *File, site *gateway.Site, compile func() *rules.Engine) []Result {
	return Watch(f, site, compile, nil)
}

// Look is what a test looks at in one moment: the engine after the samples of
// that moment. A start of the gateway makes another engine.
type Look struct {
	Test   *Test
	Expect *Expectation
	Engine *rules.Engine
}

// Watch is Run with somebody who is shown every look of a test at its rules, as
// far as the gateway runs then. Watch may be nil.
func Watch(f *File, site *gateway.Site, compile func() *rules.Engine, watch func(Look)) []Result {
	var results []Result
	for i := range f.Tests {
		r := newRun(f, &f.Tests[i], site, compile)
		r.watch = watch
		r.path = fmt.Sprintf("tests[%d]", i)
		results = append(results, Result{Name: f.Tests[i].Name, Path: r.path, Failures: r.play()})
	}
	return results
}

// epoch is when every test begins. Which moment it is does not matter, as long
// as it is not the zero Instant.
const epoch = gateway.Instant(1_767_225_600_000) // 2026-01-01

// run is one test while it is played.
type run struct {
	test    *Test
	path    string
	site    *gateway.Site
	compile func() *rules.Engine
	watch   func(Look) // may be nil
	router  *notify.Router
	series  map[gateway.PointRef][]value
	every   time.Duration

	chain *chain.Chain // nil while the gateway is stopped
	keys  map[string]rules.Ref
	last  []rules.Change // newest of each instance

	// What outlives a restart.
	open    []alerts.Alert         // when the gateway stopped
	states  map[string]rules.State // of the rules
	stopped gateway.Instant
	tickets map[tickets.ID]tickets.Ticket
	raised  alerts.ID // the last one

	alarmed  map[string]bool // keys of Never that have failed
	lost     map[gateway.FacilityID]int
	counts   map[string]int
	told     alerts.Alert // that the next notices are of
	notices  []Notice     // since the last expectation that lists some
	failures []Failure
}

func newRun(f *File, t *Test, site *gateway.Site, compile func() *rules.Engine) *run {
	r := &run{
		test: t, site: site, compile: compile, every: cmp.Or(t.Every, time.Second),
		router: notify.NewRouter(f.Notify.config(), site),
		series: make(map[gateway.PointRef][]value), keys: make(map[string]rules.Ref), tickets: make(map[tickets.ID]tickets.Ticket), states: make(map[string]rules.State),
		alarmed: make(map[string]bool), lost: make(map[gateway.FacilityID]int), counts: make(map[string]int),
	}
	for id, text := range t.Series {
		if ref, ok := site.Lookup(id); ok {
			r.series[ref], _ = parseSeries(text, site.Point(ref)) // Validate has reported the error
		}
	}
	return r
}

// act is something that happens at one moment. Those of one moment come in the
// order of rank: the gateway and the links first, then samples, then people, and
// expectations at the end.
type act struct {
	at   time.Duration
	rank int
	do   func(now gateway.Instant)
}

// The ranks of acts.
const (
	rankSystem = iota
	rankSamples
	rankPerson
	rankExpect
)

func (r *run) play() []Failure {
	acts := slices.Concat(r.samples(), r.events(), r.expectations())
	slices.SortStableFunc(acts, func(a, b act) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank)) })
	r.start(epoch)
	end := epoch
	for _, a := range acts {
		now := epoch.Add(a.at)
		end = now
		if r.chain != nil {
			r.chain.Advance(now)
		}
		a.do(now)
	}
	r.checkCounts(end)
	return r.failures
}

// samples returns one act for each step of the series.
func (r *run) samples() []act {
	steps := 0
	for _, s := range r.series {
		steps = max(steps, len(s))
	}
	acts := make([]act, 0, steps)
	refs := slices.Sorted(maps.Keys(r.series))
	for i := range steps {
		acts = append(acts, act{time.Duration(i) * r.every, rankSamples, func(now gateway.Instant) {
			var batch []gateway.Sample
			for _, ref := range refs {
				if s := r.series[ref]; i < len(s) && !s[i].none && r.lost[r.site.FacilityOf(ref).ID] == 0 {
					batch = append(batch, gateway.Sample{Point: ref, Value: s[i].number, Quality: s[i].quality, At: now})
				}
			}
			r.observe(batch...)
		}})
	}
	return acts
}

func (r *run) events() []act {
	var acts []act
	for _, e := range r.test.Events {
		switch {
		case e.Restart > 0:
			acts = append(acts,
				act{e.At, rankSystem, r.stop},
				act{e.At + e.Restart, rankSystem, r.start})
		case e.Lost != "":
			acts = append(acts, act{e.At, rankSystem, func(now gateway.Instant) { r.lose(e.Lost, now) }})
			if e.For > 0 {
				acts = append(acts, act{e.At + e.For, rankSystem, func(now gateway.Instant) { r.regain(e.Lost, now) }})
			}
		default:
			acts = append(acts, act{e.At, rankPerson, func(now gateway.Instant) {
				if r.chain != nil {
					r.chain.Reset(r.keys[e.Reset], now)
				}
			}})
		}
	}
	return acts
}

// stop keeps what the gateway has on its disk.
func (r *run) stop(now gateway.Instant) {
	if r.chain == nil {
		return
	}
	for _, s := range r.chain.Engine.Unsaved(nil) {
		r.states[s.Key] = s
	}
	r.open, r.stopped, r.chain = r.chain.Book.Open(), now, nil
}

// start begins with new machines, as the gateway does: the state of the rules,
// alerts and tickets go on, everything else is forgotten.
func (r *run) start(now gateway.Instant) {
	engine := r.compile()
	r.last = make([]rules.Change, len(engine.Instances()))
	for i, in := range engine.Instances() {
		r.keys[in.Key] = rules.Ref(i)
		r.last[i] = rules.Change{Ref: rules.Ref(i), Point: in.Point, Value: math.NaN(), Limit: math.NaN()}
	}
	former := rules.Former{States: slices.Collect(maps.Values(r.states)), Open: alerts.Standings(r.open), Stopped: r.stopped}
	engine.Resume(former, now)
	for ref := range r.last {
		if at := engine.Stand(rules.Ref(ref)); at.Phase != rules.Normal {
			c := &r.last[ref]
			c.To, c.Severity, c.Stale, c.Since = at.Phase, at.Severity, at.Stale, at.Since
		}
	}
	known := slices.SortedFunc(maps.Values(r.tickets), func(a, b tickets.Ticket) int { return cmp.Compare(a.ID, b.ID) })
	r.chain = chain.New(chain.Parts{
		Engine: engine,
		Book:   alerts.NewBook(r.site, engine.Instances(), r.open, r.raised, alerts.Options{}),
		Desk:   tickets.NewDesk(r.site, known, 0, nil, tickets.Options{}),
		Router: r.router,
	}, r.listener(), now)
	for _, f := range r.site.Facilities() {
		if r.lost[f.ID] > 0 {
			r.silence(f, now)
		} else {
			r.tell(f, gateway.LinkPoint, 1, now)
		}
		r.tell(f, gateway.BlindPoint, gateway.BlindToNothing, now)
	}
}

// listener keeps what the test asks about. Notices are dear to make, and few tests
// are about them.
func (r *run) listener() chain.Listener {
	l := chain.Listener{Change: r.onChange, Alert: r.onAlert, Ticket: r.onTicket}
	_, counted := r.test.Counts[countNotices]
	if counted || slices.ContainsFunc(r.test.Expect, func(e Expectation) bool { return e.Notices != nil }) {
		l.Notice = r.onNotice
	}
	return l
}

// tell gives a point of the gateway's own a value, unless the test does.
func (r *run) tell(f gateway.Facility, point string, v float64, now gateway.Instant) {
	ref, ok := r.site.Lookup(gateway.PointID(string(f.ID) + "/" + point))
	if _, given := r.series[ref]; ok && !given {
		r.observe(gateway.Sample{Point: ref, Value: v, Quality: gateway.Good, At: now})
	}
}

// lose takes the link of a facility down: its points turn bad, as they do when
// a device stops to answer.
func (r *run) lose(id gateway.FacilityID, now gateway.Instant) {
	r.lost[id]++
	r.silence(*r.site.Facility(id), now)
}

func (r *run) silence(f gateway.Facility, now gateway.Instant) {
	r.tell(f, gateway.LinkPoint, 0, now)
	var batch []gateway.Sample
	for _, p := range f.Points {
		if ref, ok := r.site.Lookup(p.ID()); ok && p.Role != gateway.LinkPoint && p.Role != gateway.BlindPoint && p.Formula == "" {
			batch = append(batch, gateway.Sample{Point: ref, Quality: gateway.BadTimeout, At: now})
		}
	}
	r.observe(batch...)
}

func (r *run) regain(id gateway.FacilityID, now gateway.Instant) {
	if r.lost[id]--; r.lost[id] == 0 {
		r.tell(*r.site.Facility(id), gateway.LinkPoint, 1, now)
	}
}

// observe takes samples of one moment, unless the gateway is stopped.
func (r *run) observe(samples ...gateway.Sample) {
	if r.chain != nil {
		r.chain.Observe(samples)
	}
}

// onChange keeps what a rule said.
func (r *run) onChange(c rules.Change) {
	was := r.last[c.Ref].To
	r.last[c.Ref] = c
	if c.To != rules.Active {
		return
	}
	key := r.chain.Engine.Instances()[c.Ref].Key
	if was != rules.Active && was != rules.Clearing {
		r.counts[key]++
	}
	if i := slices.Index(r.test.Never, key); i >= 0 && !r.alarmed[key] {
		r.alarmed[key] = true
		r.fail(fmt.Sprintf("never[%d]", i), c.At, key, "never active", r.describe(key))
	}
}

func (r *run) onAlert(ev alerts.Event) {
	r.told, r.raised = ev.Alert, max(r.raised, ev.Alert.ID)
}

func (r *run) onTicket(ev tickets.Event) {
	r.tickets[ev.Ticket.ID] = ev.Ticket
	if ev.Name == "opened" {
		r.counts[countTickets]++
	}
}

// onNotice comes right behind the event that it tells of.
func (r *run) onNotice(n notify.Notice) {
	r.counts[countNotices]++
	r.notices = append(r.notices, Notice{Event: n.Event, Rule: r.told.Key, Severity: r.told.Severity, To: n.Receiver})
}

func (r *run) expectations() []act {
	var acts []act
	for i, e := range r.test.Expect {
		path := fmt.Sprintf("expect[%d]", i)
		acts = append(acts, act{e.At, rankExpect, func(now gateway.Instant) { r.expect(path, &e, now) }})
	}
	return acts
}

// expect holds one expectation against what is.
func (r *run) expect(path string, e *Expectation, now gateway.Instant) {
	if r.watch != nil && r.chain != nil {
		r.watch(Look{Test: r.test, Expect: e, Engine: r.chain.Engine})
	}
	for _, key := range slices.Sorted(maps.Keys(e.Is)) {
		ref, known := r.keys[key]
		if want := e.Is[key]; !known || r.chain == nil || !want.fits(stateOf(r.last[ref])) {
			r.fail(path+".is."+key, now, key, want.String(), r.describe(key))
		}
	}
	if e.Tickets != nil {
		if open := r.openTickets(); !allFit(e.Tickets, open, Ticket.fits) {
			r.fail(path+".tickets", now, countTickets, list(e.Tickets), list(open))
		}
	}
	if e.Notices != nil {
		if !allFit(e.Notices, r.notices, Notice.fits) {
			r.fail(path+".notices", now, countNotices, list(e.Notices), list(r.notices))
		}
		r.notices = nil
	}
}

// openTickets returns the open tickets in the order of their numbers.
func (r *run) openTickets() (open []Ticket) {
	for _, id := range slices.Sorted(maps.Keys(r.tickets)) {
		if t := r.tickets[id]; !t.State.Over() {
			open = append(open, ticketOf(&t))
		}
	}
	return open
}

// checkCounts holds what has happened in all against what was wanted.
func (r *run) checkCounts(end gateway.Instant) {
	for _, key := range slices.Sorted(maps.Keys(r.test.Counts)) {
		if want := r.test.Counts[key]; !want.fits(r.counts[key]) {
			r.fail("expect_count."+key, end, key, want.String()+" in all", strconv.Itoa(r.counts[key]))
		}
	}
}

func stateOf(c rules.Change) State {
	return State{Phase: c.To, Severity: c.Severity, Stale: c.Stale}
}

func (r *run) fail(path string, at gateway.Instant, key, want, got string) {
	r.failures = append(r.failures, Failure{Path: r.path + "." + path, At: at.Sub(epoch), Rule: key, Want: want, Got: got})
}

// describe says where a rule stands and why, for people.
func (r *run) describe(key string) string {
	ref, known := r.keys[key]
	switch {
	case !known:
		return "no such rule"
	case r.chain == nil:
		return "a gateway that is stopped"
	}
	c := r.last[ref]
	var why []string
	if c.Since != 0 {
		why = append(why, fmt.Sprintf("since %v", c.Since.Sub(epoch)))
	}
	if c.Point != gateway.NoPoint {
		why = append(why, r.value(c.Point))
	}
	if !math.IsNaN(c.Limit) {
		why = append(why, fmt.Sprintf("limit %g", c.Limit))
	}
	if len(why) == 0 {
		return stateOf(c).String()
	}
	return stateOf(c).String() + " (" + strings.Join(why, ", ") + ")"
}

// value says what a point reads now, in words.
func (r *run) value(ref gateway.PointRef) string {
	p, s := r.site.Point(ref), r.chain.Engine.Latest()[ref]
	switch {
	case s.Quality == gateway.NotSeen:
		return p.Name + " not seen yet"
	case !s.Quality.HasValue():
		return p.Name + " bad: " + s.Quality.Reason()
	case p.Kind == gateway.Enum && p.States[int64(s.Value)].Name != "":
		return p.Name + " " + p.States[int64(s.Value)].Name
	default:
		return strings.TrimSpace(fmt.Sprintf("%s %g %s", p.Name, s.Value, p.Unit))
	}
}
