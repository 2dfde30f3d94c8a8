// Package replay says what rules would have done on recorded samples: how often
// each would have told of a fault, for how long and how well, what another
// version of the rules would have done instead, and what keeps a rule from
// ringing again and again.
//
// The engine, the alerts, the tickets and the routes are those that run live, in
// the same order; only the clock is that of the recording. What was not recorded
// is not known: a rule without its inputs says nothing, and is listed as blind.
// That a device is silent, or a line dead, is judged by the recorded links.
//
// A recording is read once for each question and never held in memory.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/chain"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules"
)

// Plan is the rules of a site and what follows from them. All of it has been
// found in order.
type Plan struct {
	Site     *gateway.Site
	Packs    []rules.Pack
	Settings rules.Settings
	Tickets  tickets.Options
	Notify   notify.Config
}

// engine makes the engine of the plan.
func (p *Plan) engine() *rules.Engine {
	return rules.Compile(p.Site, p.Packs, p.Settings, func(path, problem, _ string) {
		panic(fmt.Sprintf("rules that were in order are not any more: %s: %s", path, problem))
	})
}

// Samples yields recorded samples in the order of time: each call the next few,
// all of one time. The slice is good until the next call, the error io.EOF at
// the end.
type Samples interface {
	Next() ([]gateway.Sample, error)
}

// Open begins to read the recording, for a site.
type Open func(site *gateway.Site) (Samples, error)

// Options say how a recording is taken.
type Options struct {
	// Gap is the time without any sample after which nothing is known any more:
	// nobody was recording. 0 for never.
	Gap time.Duration
}

// Gap is a time in which nothing was recorded.
type Gap struct{ From, To gateway.Instant }

// Span is what a recording holds.
type Span struct {
	From, To gateway.Instant
	Samples  int
	Gaps     []Gap
}

// Duration returns the time from the first sample to the last.
func (s *Span) Duration() time.Duration { return s.To.Sub(s.From) }

// Rule is one rule on one facility.
type Rule struct {
	Key      string
	Title    gateway.Text
	Severity rules.Severity // the worst it can reach
	Tally
	StillActive bool // when the recording ends
	Hidden      int  // alerts that were hidden behind their cause
}

// Blind is a rule that said nothing because points it looks at never had a value.
type Blind struct {
	Key    string
	Points []gateway.PointID
	Lacks  Lack
}

// Lack says what kind of data a blind rule is without.
type Lack string

// The kinds of data.
const (
	LacksPoints   Lack = "points"   // some of the points of its facility
	LacksFacility Lack = "facility" // every point that a device of its facility tells
	LacksOwn      Lack = "own"      // only what the gateway tells: links and its own duties
)

// Report is what the rules of a plan did.
type Report struct {
	Span
	Rules   []Rule // every instance that could see, by key
	Blind   []Blind
	Alarms  int // that people would have been shown
	Tickets map[tickets.Priority]int
	Notices int
}

// Run plays a recording to the rules of plan.
func Run(ctx context.Context, plan *Plan, open Open, o Options) (*Report, error) {
	p := newPlayer(plan, plan.engine())
	if err := play(ctx, open, o, p); err != nil {
		return nil, err
	}
	return p.report(), nil
}

// play reads a recording to its end.
func play(ctx context.Context, open Open, o Options, p *player) error {
	samples, err := open(p.plan.Site)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := samples.Next()
		if errors.Is(err, io.EOF) {
			p.finish(p.To)
			return nil
		}
		if err != nil {
			return err
		}
		p.begin(line, o.Gap)
		p.take(line)
	}
}

// player follows the rules of one plan.
type player struct {
	Span
	plan   *Plan
	chain  *chain.Chain
	course []course // by rules.Ref
	hidden map[string]int
	valued []bool             // by PointRef: a value was there
	change func(rules.Change) // is told of each change, unless nil

	alarms, notices int
	tickets         map[tickets.Priority]int
}

func newPlayer(plan *Plan, engine *rules.Engine) *player {
	p := &player{
		plan: plan, hidden: make(map[string]int), valued: make([]bool, plan.Site.Len()),
		tickets: make(map[tickets.Priority]int),
	}
	p.course = make([]course, len(engine.Instances()))
	p.chain = chain.New(chain.Parts{
		Engine: engine,
		Book:   alerts.NewBook(plan.Site, engine.Instances(), nil, 0, alerts.Options{}),
		Desk:   tickets.NewDesk(plan.Site, nil, 0, nil, plan.Tickets),
		Router: notify.NewRouter(plan.Notify, plan.Site),
	}, chain.Listener{Change: p.onChange, Alert: p.onAlert, Ticket: p.onTicket, Notice: func(notify.Notice) { p.notices++ }}, 0)
	return p
}

func (p *player) onChange(c rules.Change) {
	p.course[c.Ref].apply(c)
	if p.change != nil {
		p.change(c)
	}
}

func (p *player) onAlert(ev alerts.Event) {
	switch {
	case ev.Announces():
		p.alarms++
	case ev.Kind == alerts.Hidden:
		p.hidden[ev.Alert.Key]++
	}
}

func (p *player) onTicket(ev tickets.Event) {
	if ev.Name == "opened" {
		p.tickets[ev.Ticket.Priority]++
	}
}

// begin counts a line, and forgets what was known before a gap in front of it.
func (p *player) begin(line []gateway.Sample, longest time.Duration) {
	at := line[0].At
	p.Samples += len(line)
	if p.From == 0 {
		p.From, p.To = at, at
	}
	if longest > 0 && at.Sub(p.To) > longest {
		p.Gaps = append(p.Gaps, Gap{p.To, at})
		p.forget(p.To.Add(longest))
	}
	p.To = at
}

// forget lets every value grow stale. The gateway's own points say how it did
// itself, and it was not there.
func (p *player) forget(now gateway.Instant) {
	var stale []gateway.Sample
	for ref, pt := range p.plan.Site.Points() {
		if p.chain.Engine.Latest()[ref].Quality.HasValue() && !ownPoint(pt) {
			stale = append(stale, gateway.Sample{Point: ref, Quality: gateway.BadStale, At: now})
		}
	}
	p.chain.Observe(stale)
}

// ownPoint reports whether the gateway tells a point, and no device.
func ownPoint(p *gateway.Point) bool {
	return p.Role == gateway.LinkPoint || p.Role == gateway.BlindPoint || p.Facility == gateway.Self
}

func (p *player) take(line []gateway.Sample) {
	for i := range line {
		if line[i].Quality.HasValue() {
			p.valued[line[i].Point] = true
		}
	}
	p.chain.Observe(line)
}

func (p *player) finish(end gateway.Instant) {
	p.To = end
	p.chain.Advance(end)
	for i := range p.course {
		p.course[i].finish(end)
	}
}

func (p *player) report() *Report {
	r := &Report{Span: p.Span, Alarms: p.alarms, Notices: p.notices, Tickets: p.tickets}
	for ref, s := range p.chain.Engine.Latest() {
		p.valued[ref] = p.valued[ref] || s.Quality.HasValue() // also what was not recorded but worked out
	}
	inputs, heard := p.chain.Engine.Inputs(), p.heard()
	for ref, in := range p.chain.Engine.Instances() {
		c := &p.course[ref]
		if b := p.blind(in, inputs[ref], heard[in.Facility]); b.Points != nil && c.Activations == 0 {
			r.Blind = append(r.Blind, b)
			continue // an active one was decided by the inputs that it had
		}
		r.Rules = append(r.Rules, Rule{
			Key: in.Key, Title: in.Rule.Title, Severity: in.Rule.Severity, Tally: c.Tally,
			StillActive: c.active, Hidden: p.hidden[in.Key],
		})
	}
	return r
}

// heard returns the facilities of which a device told something.
func (p *player) heard() map[gateway.FacilityID]bool {
	heard := make(map[gateway.FacilityID]bool)
	for ref, pt := range p.plan.Site.Points() {
		if p.valued[ref] && !ownPoint(pt) {
			heard[pt.Facility] = true
		}
	}
	return heard
}

// blind returns which inputs of an instance never had a value; none, if it has no
// points.
func (p *player) blind(in rules.Instance, inputs []gateway.PointRef, heard bool) Blind {
	b := Blind{Key: in.Key, Lacks: LacksOwn}
	for _, ref := range inputs {
		if p.valued[ref] {
			continue
		}
		pt := p.plan.Site.Point(ref)
		b.Points = append(b.Points, pt.ID())
		switch {
		case ownPoint(pt):
		case heard:
			b.Lacks = LacksPoints
		default:
			b.Lacks = LacksFacility
		}
	}
	return b
}
