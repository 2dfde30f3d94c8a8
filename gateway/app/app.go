// Package app builds every part of a gateway in order, runs them, and stops them
// in stages under one time limit.
//
// It decides nothing about samples, alerts or pages: it hands each part what it
// needs and owns the order. Sources start last and stop first, so that nothing
// is heard that could not be worked off; the store opens first and closes last,
// so that nothing is decided that could not be written. A device or a client
// that hangs cannot use up the time in which the loop writes what it has.
//
// A reload is an orderly stop of all that is made from the configuration and a
// start of it from the new one, within one process: what is open and what runs
// goes through the store, as at a restart, while the store and the listener stay.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/access"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
)

// stopLimit is how long stopping may take in all.
const stopLimit = 10 * time.Second

// lookEvery is how often Run looks whether an override of a limit has ended. It
// looks at the clock rather than waiting for it: a clock may be set.
const lookEvery = time.Second

// Options say what to run and where.
type Options struct {
	Config  *configs.Config
	Data    string // directory of the database; made if it does not exist
	Listen  string // over the site file's; "" for that
	Version string
	Log     *slog.Logger
	// Load reads the configuration again, for Reload; nil if it cannot change.
	Load func() (*configs.Config, error)
	// Hangups ask Run for a Reload, each one; nil for none.
	Hangups <-chan os.Signal
	// Dial connects to devices and brokers; nil for the network.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// App is one gateway.
type App struct {
	o       Options
	log     *slog.Logger
	life    *lifecycle // of what outlives a reload
	db      *store.DB
	reloads *metrics.Reloads
	gate    *access.Gate

	changing sync.Mutex // held while it is stopped or reloaded
	running  atomic.Pointer[parts]
	page     atomic.Pointer[http.Handler]
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
	a := &App{o: o, log: o.Log, life: &lifecycle{log: o.Log}, reloads: metrics.NewReloads(), listen: net.Listen}
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
	if err := a.openGate(); err != nil {
		return nil, err
	}
	p, err := prepare(o, o.Config)
	if err != nil {
		return nil, err
	}
	if err := p.restore(a.db, false); err != nil {
		return nil, err
	}
	a.running.Store(p)
	return a, nil
}

// Start runs the parts: outputs, the loop, the page, and the sources last.
func (a *App) Start() error {
	a.askForFirstUser()
	p := a.running.Load()
	p.begin()
	a.show(p)
	if err := a.serve(); err != nil {
		return errors.Join(err, a.Stop(context.Background()))
	}
	p.listen()
	return nil
}

// Run starts the gateway, runs it until ctx ends and stops it. It also ends,
// with an error, if a reload fails half way.
func (a *App) Run(ctx context.Context) error {
	if err := a.Start(); err != nil {
		return err
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			a.log.Info("stopping")
			return a.Stop(context.WithoutCancel(ctx))
		case <-a.o.Hangups:
			err = a.Reload()
		case <-look.C:
			err = a.expire(gateway.InstantOf(time.Now()))
		}
		if errors.Is(err, errHalfway) {
			return errors.Join(err, a.Stop(context.WithoutCancel(ctx)))
		}
	}
}

// Stop ends every part, inputs first and the store last, within one time limit
// over all. The error names the parts that did not end; the store is then left
// open for those that write to it. A second call does nothing.
func (a *App) Stop(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	if p := a.running.Load(); p != nil {
		a.life.adopt(p.life)
	}
	return a.life.stop(ctx)
}

// Addr returns where page and API listen, as host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Snapshot returns the newest state of everything.
func (a *App) Snapshot() *pipeline.Snapshot { return a.running.Load().pipeline.Snapshot() }

// Changed returns a channel that is closed when there is a newer snapshot than s.
// After a reload there is none any more of the parts before it.
func (a *App) Changed(s *pipeline.Snapshot) <-chan struct{} {
	return a.running.Load().pipeline.Changed(s)
}
