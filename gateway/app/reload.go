package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
)

// expireAgain is how long to wait after an override could not be ended, such as
// while the disk fails.
const expireAgain = time.Minute

var (
	// errHalfway is the error of a reload that has stopped the old parts and could
	// start none. The process had better begin anew.
	errHalfway = errors.New("neither the new configuration nor the old one could be started")
	errFixed   = errors.New("the configuration cannot be loaded again")
)

// Reload loads the configuration again and goes on with it. One that has faults
// changes nothing: each is logged, and the error says them all. A good one takes
// over from the old one as at a restart, only that page and API stay: every alert,
// ticket and clock that the new configuration still knows goes on.
func (a *App) Reload() error {
	if a.o.Load == nil {
		return errFixed
	}
	c, err := a.o.Load()
	if err != nil {
		return a.refuse(err)
	}
	return a.replace(c)
}

// expire goes on without the overrides of limits that have ended by now, if there
// are such. The files are not read: whoever is changing them has not asked for it.
func (a *App) expire(now gateway.Instant) error {
	p := a.running.Load()
	end, ok := p.config.Settings.Next(p.config.Site.Location)
	if !ok || now < end || now < p.retry {
		return nil
	}
	p.retry = now.Add(expireAgain)
	c := *p.config
	c.Settings.At = now
	for _, o := range p.config.Settings.Overrides {
		if c.Settings.Ended(&o, c.Site.Location) && !p.config.Settings.Ended(&o, c.Site.Location) {
			a.log.Info("override ended", "facility", o.Facility, "until", o.Until.String(), "by", o.By, "reason", o.Reason)
		}
	}
	return a.replace(&c)
}

// replace goes on with configuration c.
func (a *App) replace(c *configs.Config) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	began := time.Now()
	old := a.running.Load()
	next, err := a.candidate(old, c)
	if err != nil {
		return a.refuse(err)
	}
	if err := a.end(old); err != nil {
		return a.fail(err)
	}
	if err := next.restore(a.db, true); err != nil {
		a.log.Error("the new configuration cannot be started, going back", "err", err)
		again, errBack := prepare(a.o, old.config)
		if errBack == nil {
			errBack = again.restore(a.db, true)
		}
		if errBack != nil {
			return a.fail(errors.Join(err, errBack))
		}
		a.run(again)
		return a.refuse(err)
	}
	a.run(next)
	a.reloads.Count(metrics.ReloadDone)
	a.log.Info("configuration reloaded", "facilities", len(c.Site.Facilities()), "rules", c.Instances, "took", time.Since(began).Round(time.Millisecond))
	return nil
}

// run makes p the parts that run.
func (a *App) run(p *parts) {
	p.begin()
	a.running.Store(p)
	a.show(p)
	p.listen()
}

// candidate prepares the parts for c, unless they could not take over from old.
func (a *App) candidate(old *parts, c *configs.Config) (*parts, error) {
	if was := old.config.Site.ID; c.Site.ID != was {
		return nil, fmt.Errorf("site.id is %s and was %s: the journal is that of one site; start another gateway with a data directory of its own", c.Site.ID, was)
	}
	for _, d := range old.pipeline.Snapshot().Degraded {
		if strings.HasPrefix(d, "store:") {
			return nil, fmt.Errorf("what is open cannot be handed over while the journal cannot be written (%s); reload again when it can", d)
		}
	}
	if was := old.config.HTTP.Listen; c.HTTP.Listen != was && a.o.Listen == "" {
		a.log.Warn("http.listen takes effect at the next start", "now", was, "then", c.HTTP.Listen)
	}
	return prepare(a.o, c)
}

// end stops p. A source that hangs does not matter: nobody listens to it any more.
// What may still write to the store does.
func (a *App) end(p *parts) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	writers, err := p.life.stopParts(ctx)
	if err != nil {
		a.log.Warn("parts of the old configuration did not end well", "err", err)
	}
	if len(writers) > 0 {
		return fmt.Errorf("%s did not end and may still write", strings.Join(writers, ", "))
	}
	return nil
}

// refuse says why the configuration stays what it is.
func (a *App) refuse(err error) error {
	a.reloads.Count(metrics.ReloadRefused)
	if faults, ok := errors.AsType[*configs.Errors](err); ok {
		for _, p := range faults.Problems {
			a.log.Error("fault in the configuration", "fault", p.String())
		}
		a.log.Error("reload refused, the configuration stays as it was", "faults", len(faults.Problems))
	} else {
		a.log.Error("reload refused, the configuration stays as it was", "err", err)
	}
	return fmt.Errorf("reload: %w", err)
}

func (a *App) fail(err error) error {
	a.reloads.Count(metrics.ReloadFailed)
	a.log.Error("reload failed", "err", err)
	return fmt.Errorf("reload: %w: %w", errHalfway, err)
}
