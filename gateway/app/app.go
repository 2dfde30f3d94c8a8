// Package app builds every part of a gateway in order, runs them, and stops them
// in stages under one time limit.
//
// It decides nothing about samples, alerts or pages: it hands each part what it
// needs and owns the order. Sources start last and stop first, so that nothing
// is heard that could not be worked off; the store opens first and closes last,
// so that nothing is decided that could not be written. A device or a client
// that hangs cannot use up the time in which the loop writes what it has.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/rules"
)

// stopLimit is how long stopping may take in all.
const stopLimit = 10 * time.Second

// Options say what to run and where.
type Options struct {
	Config  *configs.Config
	Data    string // directory of the database; made if it does not exist
	Listen  string // over the site file's; "" for that
	Version string
	Log     *slog.Logger
	// Dial connects to devices and brokers; nil for the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// App is one gateway.
type App struct {
	o    Options
	log  *slog.Logger
	life *lifecycle

	db       *store.DB
	pipeline *pipeline.Pipeline
	senders  []*notify.Sender
	influx   *influx.Writer
	sources  map[string]drivers.Source
	listener net.Listener
	listen   func(network, addr string) (net.Listener, error)
}

// Database is the name of the database in the data directory.
const Database = "intact.db"

// New opens the store, restores the state in it and builds every part. Nothing
// runs until Start; if New fails, nothing is left open.
func New(o Options) (_ *App, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &App{o: o, log: o.Log, life: &lifecycle{log: o.Log}, sources: make(map[string]drivers.Source), listen: net.Listen}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Stop(context.Background()))
		}
	}()
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	a.db, err = store.Open(filepath.Join(o.Data, Database), store.Options{})
	if err != nil {
		return nil, err
	}
	a.life.onStop(files, "store", func(context.Context) error { return a.db.Close() })
	for _, build := range []func() error{a.openInflux, a.buildPipeline, a.openReceivers, a.openSources} {
		if err := build(); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// buildPipeline restores what the store knows into the machines of the loop.
func (a *App) buildPipeline() error {
	c, now := a.o.Config, gateway.InstantOf(time.Now())
	state, err := a.db.Load(context.Background(), now, c.Site.Location)
	if err != nil {
		return fmt.Errorf("restore state: %w", err)
	}
	engine := rules.Compile(c.Site, c.Packs, c.Settings, func(path, problem, _ string) {
		err = errors.Join(err, fmt.Errorf("%s: %s", path, problem))
	})
	if err != nil {
		return fmt.Errorf("rules: %w", err)
	}
	open := state.Alerts
	retuned := engine.Resume(rules.Former{States: state.Rules, Open: alerts.Standings(open), Stopped: state.Heartbeat}, now)
	meter, began := intact.NewMeter(c.Site, state.Past, open, state.Heartbeat, now)
	a.pipeline = pipeline.New(pipeline.Parts{
		Site:   c.Site,
		Engine: engine,
		Book:   alerts.NewBook(c.Site, engine.Instances(), open, state.LastAlert, c.Alerts),
		Desk:   tickets.NewDesk(c.Site, state.Tickets, state.LastTicket, state.Numbers, c.Tickets),
		Meter:  meter,
		Router: notify.NewRouter(c.Notify, c.Site),
		Store:  a.db,
	}, pipeline.Options{
		Log:     a.log.With("component", "pipeline"),
		Gateway: c.Site.ID,
		Began:   began,
		Retuned: retuned,
		Export:  a.export,
		Notices: a.wakeSenders,
		Health:  a.health,
	})
	return nil
}
