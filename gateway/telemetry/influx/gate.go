package influx

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// The pauses after a failure double from the first to the longest. A server that
// asks for a pause gets it, up to the patience we have.
const (
	firstPause   = time.Second
	longestPause = time.Minute
	lockedPause  = 30 * time.Second // after a wrong token or a missing bucket
	patience     = 10 * time.Minute
)

// gate is what is known of the server: whether it takes samples, why not, and
// when to try again. What it refuses for good does not shut the gate.
type gate struct {
	log *slog.Logger

	mu      sync.Mutex
	fault   string // "" while the server takes samples
	status  int    // HTTP status of fault; 0 if there was no answer
	until   time.Time
	pause   time.Duration // after the next failure
	refused string        // what it last refused, until it takes a parcel whole
	told    time.Time     // when a refusal was last logged
}

// well reports whether the server took what it was sent last.
func (g *gate) well() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fault == ""
}

// open reports whether it is time to send.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fault == "" || !time.Now().Before(g.until)
}

// lastError returns why samples are not being written, "" if they are.
func (g *gate) lastError() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault != "" {
		return g.fault
	}
	return g.refused
}

// fail notes that the server does not take samples. The same fault is logged once,
// though its text may change with every request.
func (g *gate) fail(failure *influxhttp.Error) {
	text := describe(failure)
	g.mu.Lock()
	known := g.fault != "" && g.status == failure.StatusCode
	g.fault, g.status = text, failure.StatusCode
	g.until = time.Now().Add(pauseAfter(failure, g.pause))
	g.pause = min(2*g.pause, longestPause)
	g.mu.Unlock()
	if !known {
		g.log.Warn("influxdb does not take samples", "err", text)
	}
}

// took notes that the server has taken a parcel, all but what was refused.
func (g *gate) took(refused int) {
	g.mu.Lock()
	was := g.fault
	g.fault, g.pause = "", firstPause
	if refused == 0 {
		g.refused = ""
	}
	g.mu.Unlock()
	if was != "" {
		g.log.Info("influxdb takes samples again")
	}
}

// refuse notes that the server has refused lines for good. Since that may go on
// with every parcel it is logged only now and then.
func (g *gate) refuse(failure *influxhttp.Error, lines int) {
	text := describe(failure)
	g.mu.Lock()
	g.refused = text
	tell := time.Since(g.told) > patience
	if tell {
		g.told = time.Now()
	}
	g.mu.Unlock()
	if tell {
		g.log.Warn("influxdb refuses samples for good", "samples", lines, "err", text)
	}
}

func describe(failure *influxhttp.Error) string {
	if failure.StatusCode == 0 {
		return "no answer: " + failure.Error()
	}
	return fmt.Sprintf("status %d: %v", failure.StatusCode, failure)
}

// pauseAfter returns how long to wait after failure; usual is how long if nothing
// else is known.
func pauseAfter(failure *influxhttp.Error, usual time.Duration) time.Duration {
	if asked := retryAfter(failure); asked > 0 {
		return min(asked, patience)
	}
	if lockedOut(failure.StatusCode) {
		usual = lockedPause
	}
	return jitter(usual)
}

// retryAfter returns the pause that the server asks for, in seconds or up to a
// date; 0 for none.
func retryAfter(failure *influxhttp.Error) time.Duration {
	if failure.RetryAfter > 0 {
		return time.Duration(failure.RetryAfter) * time.Second
	}
	at, err := http.ParseTime(failure.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Until(at)
}

// lockedOut reports whether the server wants another token or has no such bucket.
func lockedOut(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusNotFound
}

// jitter spreads the pauses of many gateways over ±20 %.
func jitter(d time.Duration) time.Duration {
	return d * time.Duration(80+rand.IntN(41)) / 100
}
