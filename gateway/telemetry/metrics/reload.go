package metrics

import "github.com/prometheus/client_golang/prometheus"

// What may become of a reload.
const (
	ReloadDone    = "ok"
	ReloadRefused = "refused" // nothing has changed
	ReloadFailed  = "failed"  // the gateway had to start anew
)

// Reloads counts how often the configuration was loaded again. It outlives what
// is made from one.
type Reloads struct{ total *prometheus.CounterVec }

// NewReloads returns counts of zero.
func NewReloads() *Reloads {
	r := &Reloads{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "intact_reload_total",
		Help: "How often the configuration was loaded again, by what became of it.",
	}, []string{"result"})}
	for _, result := range []string{ReloadDone, ReloadRefused, ReloadFailed} {
		r.total.WithLabelValues(result)
	}
	return r
}

// Count adds one reload with the result, one of those above.
func (r *Reloads) Count(result string) { r.total.WithLabelValues(result).Inc() }
