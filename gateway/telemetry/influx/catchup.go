package influx

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

const (
	idlePause    = flushPeriod            // while nothing waits
	verifyPeriod = time.Minute            // between two segments that are read for damage
	quickAnswer  = 250 * time.Millisecond // to a request that may grow
	slowAnswer   = time.Second            // to one that has to shrink
	firstBundle  = 1000                   // samples
	shortestGap  = 100 * time.Millisecond
	longestGap   = 10 * time.Second
	liveSilence  = 5 * time.Second // without new samples
)

// pace is how fast the spool is emptied. The server sets it: between two requests
// it has as long for others as it took for us; quick answers make requests grow,
// slow ones and failures make them shrink; and where it says that it is busy there
// are gaps, which close little by little.
type pace struct {
	size  int           // samples in the next request
	gap   time.Duration // on top of the time of the answer
	pause time.Duration // after the next failure
	blind bool          // the spool could not be read when it was last tried
}

// took returns how long to wait after an answer that took so long.
func (p *pace) took(d time.Duration) time.Duration {
	switch {
	case d < quickAnswer:
		p.size = min(2*p.size, maxBatch)
	case d > slowAnswer:
		p.size = max(p.size/2, 1)
	}
	if p.gap = p.gap * 9 / 10; p.gap < time.Millisecond {
		p.gap = 0
	}
	p.pause = firstPause
	return d + p.gap
}

// failed returns how long to wait after a failure.
func (p *pace) failed(status int) time.Duration {
	p.size = max(p.size/2, 1)
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		p.gap = min(max(2*p.gap, shortestGap), longestGap)
	}
	pause := p.pause
	p.pause = min(2*p.pause, longestPause)
	return pause
}

// catchUp sends what waits in the spool until ctx ends.
func (w *Writer) catchUp(ctx context.Context) {
	p := pace{size: firstBundle, pause: firstPause}
	var b spool.Bundle
	verified := time.Now()
	for {
		pause := w.catchUpOnce(ctx, &p, &b)
		if s := w.spool.Load(); s != nil && time.Since(verified) >= verifyPeriod {
			verified = time.Now()
			if err := s.Verify(); err != nil {
				w.log.Warn("a part of the influxdb spool cannot be read", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// catchUpOnce sends the oldest bundle, if it is time to, and returns how long to
// wait for the next one. While the server is not well it is new samples that try
// it; only if there are none the spool does.
func (w *Writer) catchUpOnce(ctx context.Context, p *pace, b *spool.Bundle) (pause time.Duration) {
	s := w.spool.Load()
	quiet := time.Since(time.Unix(0, w.taken.Load())) > liveSilence
	if s == nil || w.overdue.Load() || !w.gate.well() && !(quiet && w.gate.open()) {
		return idlePause
	}
	if err := s.Peek(b, min(p.size, int(w.limit.Load()))); err != nil {
		if errors.Is(err, io.EOF) {
			return idlePause
		}
		if !p.blind {
			w.log.Warn("the influxdb spool cannot be read", "err", err)
		}
		p.blind = true
		return spoolRetry
	}
	p.blind = false
	begin := time.Now()
	refused, failure := w.deliver(ctx, b.Body)
	if failure == nil {
		w.countWritten(b.Samples, refused)
		s.Done(b.Records...)
		return p.took(time.Since(begin))
	}
	if ctx.Err() != nil {
		return 0
	}
	if quiet {
		w.gate.fail(failure) // there is nobody else to notice
	}
	return pauseAfter(failure, p.failed(failure.StatusCode))
}
