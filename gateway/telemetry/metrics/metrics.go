// Package metrics shows the gateway and its site to Prometheus.
//
// It counts nothing itself: at each scrape it reads the newest snapshot and the
// counters that the other parts keep, so that a number on the metrics page and
// the same number on the web page cannot differ for longer than a second. All
// names begin with intact_ and all measures are in base units, except the
// values of points, which keep the unit of their profile as a label.
//
// What it promises:
//   - A value that is bad has no series: Prometheus shows a gap, never a 0 or
//     an old value. The same holds for a rate without data.
//   - A label takes a bounded number of values that the site's configuration
//     decides; no name of a person and no text from outside becomes one. Beyond
//     MaxPoints points, MaxOpen alerts and MaxOpen tickets, what is too many is
//     left out and counted.
package metrics

import (
	"net/http"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// MaxPoints is how many points have series of their own.
const MaxPoints = 50_000

// Options are what the metrics read. Snapshot is required; what else is nil
// has no metrics.
type Options struct {
	Snapshot func() *pipeline.Snapshot
	Sources  map[string]drivers.Source // by bus id
	Senders  []*notify.Sender
	Influx   *influx.Writer
	Reloads  *Reloads
	Data     string // directory of the database
	Version  string // of the program, for intact_build_info
	Revision string // of its source
}

// New returns a registry of its own with every metric of the gateway, of the Go
// runtime and of the process.
func New(o Options) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "intact_build_info",
			Help:        "Always 1; its labels say which build of the gateway runs.",
			ConstLabels: prometheus.Labels{"version": o.Version, "revision": o.Revision, "goversion": runtime.Version()},
		}, func() float64 { return 1 }),
		&snapshots{newest: o.Snapshot},
	)
	if len(o.Sources) > 0 {
		now := func() gateway.Instant { return o.Snapshot().At }
		r.MustRegister(&buses{sources: o.Sources, now: now, loads: make(map[string]*load)})
	}
	if len(o.Senders) > 0 {
		r.MustRegister(deliveries{o.Senders})
	}
	if o.Reloads != nil {
		r.MustRegister(o.Reloads.total)
	}
	if o.Data != "" {
		r.MustRegister(disk(o.Data))
	}
	if o.Influx != nil {
		r.MustRegister(exports{o.Influx.Stats})
	}
	return r
}

// Handler serves what r gathers in the text format of Prometheus.
func Handler(r *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// family is one metric with its labels. The help text names the unit.
func family(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("intact_"+name, help, labels, nil)
}

// gauge sends one series of a measure that may rise and fall.
func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// counter sends one series of a count that only rises.
func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
}
