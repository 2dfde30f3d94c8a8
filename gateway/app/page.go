package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway/access"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
	"github.com/intact-gateway/intact/gateway/web"
)

// show makes page and API those of p. Live streams end with it: their readers
// come again.
func (a *App) show(p *parts) {
	registry := metrics.New(metrics.Options{
		Snapshot: p.pipeline.Snapshot, Sources: p.sources, Senders: p.senders, Influx: p.influx, Reloads: a.reloads, Data: a.o.Data, Version: a.o.Version,
	})
	done := make(chan struct{})
	o := web.Options{Log: a.log.With("component", "web"), Metrics: metrics.Handler(registry), Version: a.o.Version, Done: done, Gate: a.gate}
	o.Receivers = newTrials(p.config.Notify.Everybody(), notify.Options{Site: p.config.Site})
	if p.links != nil { // an interface that holds a nil pointer is not nil
		o.Links = p.links
	}
	handler := web.New(p.pipeline, a.db, o)
	p.life.onStop(inputs, "live streams", func(context.Context) error { close(done); return nil })
	a.page.Store(&handler)
}

// serve listens for page and API, which are those of the parts that run.
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
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*a.page.Load()).ServeHTTP(w, r) }),
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
		err := server.Shutdown(ctx)
		if err == nil || ctx.Err() == nil {
			return err
		}
		a.log.Warn("page and API cut off clients that did not finish")
		return server.Close()
	})
	a.log.Info("listening", "url", "http://"+l.Addr().String()+"/")
	if !configs.Loopback(addr) {
		a.log.Warn("passwords cross the network in clear: put a proxy with TLS in front, or use a VPN")
	}
	return nil
}

// openGate makes what says who may come in. While nobody is a user, a gateway that
// only its own machine reaches lets everybody in.
func (a *App) openGate() error {
	addr, err := a.listenAddr()
	if err == nil {
		a.gate = access.NewGate(a.o.Data, access.Options{Log: a.log.With("component", "access"), Free: configs.Loopback(addr)})
	}
	return err
}

// askForFirstUser prints the code by which the first user is made, if one is
// needed. A users file that cannot be read stops no alarm.
func (a *App) askForFirstUser() {
	switch code, ends, needed, err := a.gate.SetUpCode(); {
	case err != nil:
		a.log.Error("nobody is let in", "err", err)
	case needed:
		a.log.Warn("there is no user yet: open the page and make the first one with this code", "code", code, "until", ends.Format(time.TimeOnly))
	}
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
