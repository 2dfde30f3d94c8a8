package mqtt

import (
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// longestWatch bounds how rarely a subscription that stays silent is renewed.
const longestWatch = time.Hour

// watch looks after one subscription. Brokers have been seen to lose one without
// a word, after a restart or a change of their access list: the connection
// stays, and nothing comes any more.
type watch struct {
	filter  string
	devices []*device
	patient time.Duration   // how long the silence may last
	wait    time.Duration   // the same, longer after each renewal in vain
	since   gateway.Instant // when the subscription was asked for
}

// newWatches returns a watch for each filter under which any device owes
// messages.
func newWatches(devices []*device) []*watch {
	byFilter := make(map[string]*watch)
	var watches []*watch
	for _, d := range devices {
		w := byFilter[d.filter]
		if w == nil {
			w = &watch{filter: d.filter}
			byFilter[d.filter] = w
			watches = append(watches, w)
		}
		w.devices = append(w.devices, d)
		w.patient = max(w.patient, patience*d.Expect)
	}
	owing := watches[:0]
	for _, w := range watches {
		if w.patient > 0 {
			owing = append(owing, w)
		}
	}
	return owing
}

// restart begins anew at now, as the subscription has just been made.
func (w *watch) restart(now gateway.Instant) { w.since, w.wait = now, w.patient }

// doubtful reports whether the subscription should be renewed: the line is up,
// and for too long not one of its devices has been heard.
func (w *watch) doubtful(l *line, now gateway.Instant) bool {
	if !l.connected || l.refused[w.filter] {
		return false
	}
	heard := w.since
	for _, d := range w.devices {
		if d.heard > heard {
			heard, w.wait = d.heard, w.patient
		}
	}
	if now.Sub(heard) <= w.wait {
		return false
	}
	w.since, w.wait = now, min(2*w.wait, max(longestWatch, w.patient))
	return true
}

// renewSilent has the connecting goroutine ask again for what has fallen silent.
func (c *Client) renewSilent(l *line, now gateway.Instant) {
	var silent []string
	for _, w := range c.watches {
		if l != nil && w.doubtful(l, now) {
			silent = append(silent, w.filter)
		}
	}
	if len(silent) == 0 {
		return
	}
	select {
	case c.silent <- silent:
	default: // it has not even come to the last ones
	}
}
