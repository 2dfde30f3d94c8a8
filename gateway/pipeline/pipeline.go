// Package pipeline is the way of a sample: from the sources through the latest
// table and the rules to alerts, tickets and the intact rate, onto the disk and
// only then to the outside.
//
// One goroutine, the loop, owns all live state: the latest table, the rule
// engine, the alert book, the ticket desk and the meter need no lock, and time
// comes to them as an argument. A second goroutine, the recorder, writes what
// the loop has decided, many steps in one transaction. Everybody else reads an
// immutable Snapshot, or sends a command that is answered after its commit.
//
// What it promises:
//   - A transition is written before anybody is told or shown it. If the disk
//     fails for longer than a moment, telling wins over writing: notices then
//     go out from memory, what could not be written is kept for later as far
//     as memory allows, and the gateway raises an alert about itself.
//   - A change of a discrete point always reaches the rules. Analog samples
//     may give way to newer ones of the same point under overload; counted.
//   - A point that has a maximum age and is not heard of for that long becomes
//     stale by itself, whatever the driver does.
package pipeline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// How often the loop does what no sample or timer asks for.
const (
	heartbeatEvery = 10 * time.Second
	// keepEvery bounds how often it is written where rules stand, if nothing else
	// is. Measured with store.Open on ext4: a heartbeat writes 4.1 kB, with where up
	// to five rules stand 8.3 kB, with fifty 33 kB. A typical site, where a hold
	// begins or ends a hundred times a day, so writes 37 MB a day, all but 1 MB of
	// it heartbeats; one on which five rules flap all day 143 MB, with fifty 574 MB.
	keepEvery      = 5 * time.Second
	lookbackEvery  = 5 * time.Minute        // what rules look back at, about 2 kB for each window
	sweepEvery     = time.Second            // stale points, self checks, a fresh snapshot
	publishAtLeast = 100 * time.Millisecond // between two snapshots in a storm
)

// Parts is what the loop owns once Run is called. Nobody else may touch it
// from then on, except the Store.
type Parts struct {
	Site   *gateway.Site
	Engine *rules.Engine
	Book   *alerts.Book
	Desk   *tickets.Desk
	Meter  *intact.Meter
	Router *notify.Router
	Store  Store
}

// Store is what the recorder needs of the database.
type Store interface {
	notify.Outbox
	Commit(ctx context.Context, changes ...store.Change) error
}

// Options are what a Pipeline is told from outside; the zero value works.
type Options struct {
	Log *slog.Logger
	// Gateway is written into every journal row.
	Gateway string
	// Export takes every batch after the rules have seen it. It must neither
	// block nor keep the slice.
	Export func([]gateway.Sample)
	// Notices is called when notices are waiting to be sent.
	Notices func()
	// Health tells once a second how the gateway's own parts do, by point of
	// the Self facility. The store's own point is told by the recorder.
	Health func() map[string]bool
	// Degraded tells what else of the gateway does not work, as lines for
	// Snapshot.Degraded; nil for nothing.
	Degraded func() []string
	// Began is written as the first journal entries, with what the meter made
	// of the time the gateway was not running.
	Began []intact.Event
	// Retuned are the alerts that go on under rules which were changed.
	Retuned []rules.Retuned
	// Reloaded says that the configuration was changed while the gateway ran.
	Reloaded bool
}

// Pipeline is the running heart of a gateway.
type Pipeline struct {
	parts Parts
	o     Options
	clock *clock

	wake     chan struct{}
	commands chan command
	stopped  chan struct{} // closed when the loop takes no more commands

	mu    sync.Mutex
	rings []*ring

	snapshot atomic.Pointer[Snapshot]
	recorder *recorder

	// What follows belongs to the loop goroutine.
	arrived  []gateway.Instant // by PointRef: when the newest sample came
	heardBy  []int32           // facility index by PointRef; -1 for points that say nothing of the device
	heard    []gateway.Instant
	self     map[string]gateway.PointRef
	sights   []sight
	batch    []gateway.Sample
	swept    []gateway.Sample
	changes  []rules.Change
	events   []alerts.Event
	jobs     []tickets.Event
	spans    []intact.Event
	notices  []notify.Notice
	pending  store.Change
	answers  []answer
	stats    Stats
	dirty    bool            // something new since the last snapshot
	made     gateway.Instant // the last snapshot
	seq      uint64          // of the last snapshot
	lastBeat gateway.Instant // the last step that was written
	// lastLookback is when it was last written what rules look back at.
	lastLookback gateway.Instant
}

// New returns a Pipeline that owns parts. It starts nothing.
func New(parts Parts, o Options) *Pipeline {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{
		parts:    parts,
		o:        o,
		clock:    newClock(),
		wake:     make(chan struct{}, 1),
		commands: make(chan command),
		stopped:  make(chan struct{}),
		arrived:  make([]gateway.Instant, parts.Site.Len()),
		heardBy:  make([]int32, parts.Site.Len()),
		heard:    make([]gateway.Instant, len(parts.Site.Facilities())),
		self:     make(map[string]gateway.PointRef),
		sights:   watchInputs(parts.Site, parts.Engine),
	}
	p.stats.Breaches, p.stats.Work = make(map[string]uint64), newWork()
	p.recorder = newRecorder(parts.Store, o.Log, p.show, o.Notices)
	start, _ := p.clock.now()
	for ref, pt := range parts.Site.Points() {
		p.arrived[ref] = start
		p.heardBy[ref] = int32(parts.Site.FacilityIndex(pt.Facility))
		if pt.Role == gateway.LinkPoint || pt.Role == gateway.BlindPoint || pt.Facility == gateway.Self {
			p.heardBy[ref] = -1
		}
		if pt.Facility == gateway.Self {
			p.self[pt.Name] = ref
		}
	}
	p.show(p.picture(start))
	return p
}

// Outbox returns where senders find the notices to send: those in the store,
// and those that could not be written while it fails.
func (p *Pipeline) Outbox() notify.Outbox { return p.recorder.outbox }

// Snapshot returns the newest state of everything.
func (p *Pipeline) Snapshot() *Snapshot { return p.snapshot.Load() }

// Intake returns the function through which the source named name gives its
// samples. It copies them and returns at once, unless the ring of the source is
// full of changes that must not be lost: then it waits for the loop.
func (p *Pipeline) Intake(name string) func([]gateway.Sample) {
	r := newRing(p.parts.Site, func() {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	})
	p.mu.Lock()
	p.rings = append(p.rings, r)
	p.mu.Unlock()
	return r.put
}

// Run is the loop. It returns after ctx has ended, what the sources had given
// is worked off, and every transition is written or the recorder has given up.
func (p *Pipeline) Run(ctx context.Context) error {
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		p.recorder.run()
	}()
	p.begin()
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(p.untilNext())
		select {
		case <-ctx.Done():
		case <-p.wake:
			p.takeSamples()
		case c := <-p.commands:
			p.execute(c)
		case <-tick.C:
			p.sweep()
		case <-timer.C:
		}
		p.finishStep()
	}
	close(p.stopped)
	p.takeSamples()
	p.lastBeat, p.lastLookback = 0, 0 // all is written: the next run knows until when this one has watched
	p.finishStep()
	for _, r := range p.sources() {
		r.close()
	}
	p.recorder.close()
	<-recorded
	return nil
}

// begin writes what is known before the first sample: that the gateway started
// and how the time since its last sign of life counts.
func (p *Pipeline) begin() {
	now := p.now()
	kind := "gateway.started"
	if p.o.Reloaded {
		kind = "gateway.reloaded"
	}
	p.entry(now, kind, gateway.Self, "", nil)
	p.recordSpans(p.o.Began)
	p.events = p.parts.Book.Withdraw(p.events[:0], now)
	p.applyEvents()
	p.events = p.parts.Book.Retune(p.events[:0], p.o.Retuned, now)
	p.applyEvents()
	p.lastBeat, p.lastLookback = now, now
	p.dirty, p.made = true, 0 // what is shown until then is not yet on disk
	p.finishStep()
}

func (p *Pipeline) sources() []*ring {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.rings)
}

// untilNext returns how long the loop may sleep before a hold time, a settle
// time or a deadline passes, or before a waiting snapshot is due.
func (p *Pipeline) untilNext() time.Duration {
	now := p.now()
	wait := time.Hour
	for _, next := range []func() (gateway.Instant, bool){p.parts.Engine.Next, p.parts.Book.Next, p.parts.Desk.Next} {
		if at, ok := next(); ok {
			wait = min(wait, at.Sub(now))
		}
	}
	if p.dirty {
		wait = min(wait, p.made.Add(publishAtLeast).Sub(now))
	}
	return max(wait, 0)
}

func (p *Pipeline) takeSamples() {
	for _, r := range p.sources() {
		p.batch = r.take(p.batch[:0])
		p.observe(p.batch)
		if p.o.Export != nil && len(p.batch) > 0 {
			p.o.Export(p.batch)
		}
	}
}

// keep adds to this step where the rules stand that stand otherwise than is
// written: with every transition, so that an alert and its rule never disagree,
// and of what people do not see, such as a hold that has begun, every few seconds.
// What rules look back at changes with every sample and is written more seldom.
func (p *Pipeline) keep(now gateway.Instant) {
	p.pending.Rules = p.parts.Engine.Unsaved(p.pending.Rules)
	if now.Sub(p.lastLookback) >= lookbackEvery {
		p.pending.Rules = p.parts.Engine.Lookback(p.pending.Rules)
		p.lastLookback = now
	}
}

// finishStep lets time pass for everybody and hands what was decided to the
// recorder, with a snapshot to be shown once it is written. Who gave a command
// sees what came of it together with the answer.
func (p *Pipeline) finishStep() {
	now := p.now()
	p.advance(now)
	s := step{answers: p.answers}
	transition := len(p.pending.Entries) > 0 || len(p.pending.States) > 0 || len(p.answers) > 0
	if transition || now.Sub(p.lastBeat) >= keepEvery {
		p.keep(now)
	}
	if transition || len(p.pending.Rules) > 0 || now.Sub(p.lastBeat) >= heartbeatEvery {
		p.pending.At = now
		p.lastBeat = now
		s.change = p.pending
		p.pending, p.answers = store.Change{}, nil
	}
	if p.dirty && (len(s.answers) > 0 || now.Sub(p.made) >= publishAtLeast) {
		s.show = p.picture(now)
	}
	if s.show != nil || !s.change.At.IsZero() {
		p.recorder.put(&s)
	}
}
