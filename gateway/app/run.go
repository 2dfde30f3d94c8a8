package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
	"github.com/intact-gateway/intact/gateway/web"
)

// openInflux makes the writer of samples, if the site has one.
func (a *App) openInflux() error {
	if c := a.o.Config.Influx; c != nil {
		w, err := influx.New(*c, a.o.Config.Site, influx.Options{Log: a.log.With("component", "influx")})
		if err != nil {
			return fmt.Errorf("influx: %w", err)
		}
		a.influx = w
	}
	return nil
}

// openReceivers makes a sender for everybody who is told of alerts.
func (a *App) openReceivers() error {
	for _, r := range a.o.Config.Notify.Receivers {
		to, err := notify.OpenReceiver(r, notify.Options{Site: a.o.Config.Site})
		if err != nil {
			return err
		}
		a.senders = append(a.senders, notify.NewSender(r.ID, to, a.pipeline.Outbox(), a.log.With("component", "notify")))
	}
	return nil
}

// openSources makes a driver for every line that something is read through.
func (a *App) openSources() error {
	c := a.o.Config
	bindings, err := drivers.Bind(c.Site, c.Devices, c.Profiles)
	if err != nil {
		return fmt.Errorf("bind devices: %w", err)
	}
	for _, bus := range c.Buses {
		s, err := drivers.Open(bus, bindings[bus.ID], drivers.Options{
			Log: a.log.With("component", "driver", "bus", bus.ID), Dial: a.o.Dial, Settled: a.pipeline.Settle,
		})
		if err != nil {
			return fmt.Errorf("bus %s: %w", bus.ID, err)
		}
		a.sources[bus.ID] = s
	}
	return nil
}

// Start runs the parts: outputs, the loop, the page, and the sources last.
func (a *App) Start() error {
	if a.influx != nil {
		a.life.spawn(outputs, "influx", a.influx.Run)
	}
	for _, s := range a.senders {
		a.life.spawn(outputs, "sender "+s.Receiver(), s.Run)
	}
	restored := a.pipeline.Changed(a.pipeline.Snapshot())
	a.life.spawn(loop, "pipeline", a.pipeline.Run)
	<-restored // the page shows nothing that is not on disk
	if err := a.serve(); err != nil {
		return errors.Join(err, a.Stop(context.Background()))
	}
	for id, s := range a.sources {
		intake := a.pipeline.Intake(id)
		a.life.spawn(inputs, "source "+id, func(ctx context.Context) error { return s.Run(ctx, intake) })
	}
	return nil
}

func (a *App) serve() error {
	addr, err := a.listenAddr()
	if err != nil {
		return err
	}
	l, err := a.listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("page and API: %w", err)
	}
	a.listener = l
	registry := metrics.New(metrics.Options{Snapshot: a.pipeline.Snapshot, Sources: a.sources, Senders: a.senders, Influx: a.influx, Version: a.o.Version})
	done := make(chan struct{})
	server := &http.Server{
		Handler: web.New(a.pipeline, a.db, web.Options{
			Log: a.log.With("component", "web"), Metrics: metrics.Handler(registry), Version: a.o.Version, Done: done,
		}),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
	}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("page and API ended", "err", err)
		}
	}()
	a.life.onStop(inputs, "http", func(ctx context.Context) error {
		close(done)
		err := server.Shutdown(ctx)
		if err == nil || ctx.Err() == nil {
			return err
		}
		a.log.Warn("page and API cut off clients that did not finish")
		return server.Close()
	})
	a.log.Info("listening", "url", "http://"+l.Addr().String()+"/")
	return nil
}

// listenAddr returns where page and API listen. An address that is given over
// the site file's is held to the same rules: it opens nothing to others unless
// the site file says so.
func (a *App) listenAddr() (addr string, err error) {
	if a.o.Listen == "" {
		return a.o.Config.HTTP.Listen, nil
	}
	h := configs.HTTP{Listen: a.o.Listen, Open: a.o.Config.HTTP.Open}
	h.Validate(func(_, problem, hint string) { err = fmt.Errorf("listen: %s (%s)", problem, hint) })
	return h.Listen, err
}

// Run starts the gateway, runs it until ctx ends and stops it.
func (a *App) Run(ctx context.Context) error {
	if err := a.Start(); err != nil {
		return err
	}
	<-ctx.Done()
	a.log.Info("stopping")
	return a.Stop(context.WithoutCancel(ctx))
}

// Stop ends every part, inputs first and the store last, within one time limit
// over all. The error names the parts that did not end; the store is then left
// open for those that write to it. A second call does nothing.
func (a *App) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopLimit)
	defer cancel()
	return a.life.stop(ctx)
}

// Addr returns where page and API listen, as host:port.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Snapshot returns the newest state of everything.
func (a *App) Snapshot() *pipeline.Snapshot { return a.pipeline.Snapshot() }

// Changed returns a channel that is closed when there is a newer snapshot than s.
func (a *App) Changed(s *pipeline.Snapshot) <-chan struct{} { return a.pipeline.Changed(s) }

// export gives samples to the outputs.
func (a *App) export(samples []gateway.Sample) {
	if a.influx != nil {
		a.influx.Export(samples)
	}
}

func (a *App) wakeSenders() {
	for _, s := range a.senders {
		s.Wake()
	}
}

// health says how the outputs do.
func (a *App) health() map[string]bool {
	ok := map[string]bool{gateway.SelfNotify: true}
	for _, s := range a.senders {
		if s.Stats().Failing {
			ok[gateway.SelfNotify] = false
		}
	}
	if a.influx != nil {
		ok[gateway.SelfInflux] = a.influx.Stats().LastError == ""
	}
	return ok
}
