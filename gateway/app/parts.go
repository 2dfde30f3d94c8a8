package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/acklink"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/gateway/web"
	"github.com/intact-gateway/intact/rules"
)

// influxSpool is the folder in the data directory where samples wait for InfluxDB.
const influxSpool = "influx"

// parts is all that is made from one configuration. A reload ends it and makes
// another.
type parts struct {
	config *configs.Config
	o      Options
	log    *slog.Logger
	life   *lifecycle

	engine    *rules.Engine
	receivers []notify.Notifier // by the receivers of the configuration
	senders   []*notify.Sender
	pipeline  *pipeline.Pipeline
	influx    *influx.Writer
	sources   map[string]drivers.Source
	links     *acklink.Key  // nil for none
	pulse     *notify.Pulse // nil for none

	retry gateway.Instant // before which an override that has ended is left alone; of Run
}

// prepare makes what can be made beside parts that run: all that may fail because
// of what the configuration says. It opens neither a line nor a file to write.
func prepare(o Options, c *configs.Config) (*parts, error) {
	p := &parts{config: c, o: o, log: o.Log, life: &lifecycle{log: o.Log}, sources: make(map[string]drivers.Source)}
	for _, make := range []func() error{p.compileRules, p.openInflux, p.openReceivers, p.openSources} {
		if err := make(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *parts) compileRules() (err error) {
	p.engine = rules.Compile(p.config.Site, p.config.Packs, p.config.Settings, func(path, problem, _ string) {
		err = errors.Join(err, fmt.Errorf("rules: %s: %s", path, problem))
	})
	return err
}

// openInflux makes the writer of samples, if the site has one.
func (p *parts) openInflux() error {
	if c := p.config.Influx; c != nil {
		w, err := influx.New(*c, p.config.Site, influx.Options{
			Log: p.log.With("component", "influx"), Dir: filepath.Join(p.o.Data, influxSpool),
		})
		if err != nil {
			return fmt.Errorf("influx: %w", err)
		}
		p.influx = w
	}
	return nil
}

// openReceivers makes the way to everybody who is told of alerts.
func (p *parts) openReceivers() error {
	for _, r := range p.config.Notify.Everybody() {
		to, err := notify.OpenReceiver(r, notify.Options{Site: p.config.Site})
		if err != nil {
			return err
		}
		p.receivers = append(p.receivers, to)
	}
	if h := p.config.Notify.Heartbeat; h != nil {
		var err error
		p.pulse, err = notify.NewPulse(*h, notify.Options{Site: p.config.Site}, p.alive, p.log.With("component", "heartbeat"))
		return err
	}
	return nil
}

// stalled is how old the newest snapshot may be: the loop makes one every second,
// and the recorder lets it out when what it holds is on disk.
const stalled = 15 * time.Second

// alive says why the gateway does not do its duty: the loop stands still, or what
// it decides does not reach the disk.
func (p *parts) alive() error {
	s := p.pipeline.Snapshot()
	for _, d := range s.Degraded {
		if strings.HasPrefix(d, "store:") { // what else is degraded leaves the alarms alone
			return errors.New(d)
		}
	}
	if age := time.Since(s.Made); age > stalled {
		return fmt.Errorf("the newest snapshot is %s old", age.Round(time.Second))
	}
	return nil
}

// linkMessages lets messages carry links if the site says where its page is. A key
// that cannot be had costs the links and no alarm.
func (p *parts) linkMessages(r *notify.Router) {
	base := strings.TrimRight(p.config.HTTP.URL, "/")
	if base == "" {
		return
	}
	key, err := acklink.Open(p.o.Data)
	if err != nil {
		p.log.Error("messages carry no link to acknowledge by", "err", err)
		return
	}
	p.links = key
	r.Link(func(c acklink.Claim) string { return base + web.LinkPath + key.Sign(c) })
}

// openSources makes a driver for every line that something is read through.
func (p *parts) openSources() error {
	c := p.config
	bindings, err := drivers.Bind(c.Site, c.Devices, c.Profiles)
	if err != nil {
		return fmt.Errorf("bind devices: %w", err)
	}
	settled := func(ctx context.Context) error { return p.pipeline.Settle(ctx) }
	for _, bus := range c.Buses {
		s, err := drivers.Open(bus, bindings[bus.ID], drivers.Options{
			Log: p.log.With("component", "driver", "bus", bus.ID), Dial: p.o.Dial, Settled: settled,
		})
		if err != nil {
			return fmt.Errorf("bus %s: %w", bus.ID, err)
		}
		p.sources[bus.ID] = s
	}
	return nil
}

// restore puts what the store knows into the machines of the loop. Nothing else
// may write to the store any more.
func (p *parts) restore(db *store.DB, reloaded bool) error {
	c, now := p.config, gateway.InstantOf(time.Now())
	state, err := db.Load(context.Background(), now, c.Site.Location)
	if err != nil {
		return fmt.Errorf("restore state: %w", err)
	}
	open := state.Alerts
	retuned := p.engine.Resume(rules.Former{States: state.Rules, Open: alerts.Standings(open), Stopped: state.Heartbeat}, now)
	book := alerts.NewBook(c.Site, p.engine.Instances(), open, state.LastAlert, c.Alerts)
	if ladders := notify.NewLadders(c.Notify, c.Site); ladders != nil {
		book.Escalate(ladders, now)
	}
	meter, began := intact.NewMeter(c.Site, state.Past, open, state.Heartbeat, now)
	router := notify.NewRouter(c.Notify, c.Site)
	p.linkMessages(router)
	p.pipeline = pipeline.New(pipeline.Parts{
		Site:   c.Site,
		Engine: p.engine,
		Book:   book,
		Desk:   tickets.NewDesk(c.Site, state.Tickets, state.LastTicket, state.Numbers, c.Tickets),
		Meter:  meter,
		Router: router,
		Store:  db,
	}, pipeline.Options{
		Log:      p.log.With("component", "pipeline"),
		Gateway:  c.Site.ID,
		Began:    began,
		Retuned:  retuned,
		Reloaded: reloaded,
		Export:   p.export,
		Notices:  p.wakeSenders,
		Health:   p.health,
		Degraded: p.degraded,
	})
	for i, r := range c.Notify.Everybody() {
		p.senders = append(p.senders, notify.NewSender(r.ID, p.receivers[i], p.pipeline.Outbox(), p.log.With("component", "notify")))
	}
	return nil
}

// begin runs the outputs and the loop, and returns when what was restored is on
// disk: the page shows nothing that is not.
func (p *parts) begin() {
	if p.influx != nil {
		p.life.spawn(outputs, "influx", p.influx.Run)
	}
	for _, s := range p.senders {
		p.life.spawn(outputs, "sender "+s.Receiver(), s.Run)
	}
	restored := p.pipeline.Changed(p.pipeline.Snapshot())
	p.life.spawn(loop, "pipeline", p.pipeline.Run)
	<-restored
}

// listen runs the sources, and tells a second place that they are watched.
func (p *parts) listen() {
	if p.pulse != nil {
		p.life.spawn(inputs, "heartbeat", p.pulse.Run)
	}
	for id, s := range p.sources {
		intake := p.pipeline.Intake(id)
		p.life.spawn(inputs, "source "+id, func(ctx context.Context) error { return s.Run(ctx, intake) })
	}
}

// export gives samples to the outputs.
func (p *parts) export(samples []gateway.Sample) {
	if p.influx != nil {
		p.influx.Export(samples)
	}
}

func (p *parts) wakeSenders() {
	for _, s := range p.senders {
		s.Wake()
	}
}

// degraded names what is amiss and no point of the gateway tells.
func (p *parts) degraded() []string {
	if p.influx != nil {
		if fault := p.influx.Stats().SpoolError; fault != "" {
			return []string{"influx spool: " + fault}
		}
	}
	return nil
}

// health says how the outputs do.
func (p *parts) health() map[string]bool {
	ok := map[string]bool{gateway.SelfNotify: true}
	for _, s := range p.senders {
		if s.Stats().Failing {
			ok[gateway.SelfNotify] = false
		}
	}
	if p.influx != nil {
		ok[gateway.SelfInflux] = p.influx.Stats().LastError == ""
	}
	return ok
}
