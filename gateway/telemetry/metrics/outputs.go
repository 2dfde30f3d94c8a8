package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// What is known of the way to InfluxDB.
var (
	influxSamples  = family("influx_samples_total", "Samples by what InfluxDB made of them, since the gateway started.", "result")
	influxBuffered = family("influx_buffered_samples", "Samples in memory alone: neither taken by InfluxDB nor on disk.")
	influxUp       = family("influx_up", "Whether InfluxDB takes samples right now, 1 or 0.")
	spoolBytes     = family("spool_bytes", "Disk that samples take while they wait for InfluxDB, in bytes.")
	spoolSamples   = family("spool_samples", "Samples on disk that InfluxDB has not yet taken.")
	spoolOldest    = family("spool_oldest_timestamp_seconds", "Time of the oldest sample on disk, in Unix seconds; absent if none waits.")
	spoolUp        = family("spool_up", "Whether the disk takes samples that wait for InfluxDB, 1 or 0.")
)

// exports is the collector of what the InfluxDB writer counts.
type exports struct{ stats func() influx.Stats }

// Describe implements prometheus.Collector.
func (exports) Describe(ch chan<- *prometheus.Desc) {
	ch <- influxSamples
	ch <- influxBuffered
	ch <- influxUp
	ch <- spoolBytes
	ch <- spoolSamples
	ch <- spoolOldest
	ch <- spoolUp
}

// Collect implements prometheus.Collector.
func (c exports) Collect(ch chan<- prometheus.Metric) {
	s := c.stats()
	counter(ch, influxSamples, float64(s.Thinned), "thinned")
	counter(ch, influxSamples, float64(s.Written), "written")
	counter(ch, influxSamples, float64(s.Dropped), "dropped")
	counter(ch, influxSamples, float64(s.Damaged), "damaged")
	counter(ch, influxSamples, float64(s.Rejected), "rejected")
	gauge(ch, influxBuffered, float64(s.Buffered))
	gauge(ch, influxUp, truth(s.LastError == ""))
	gauge(ch, spoolBytes, float64(s.Spool.Bytes))
	gauge(ch, spoolSamples, float64(s.Spool.Samples))
	if !s.Spool.Oldest.IsZero() {
		gauge(ch, spoolOldest, float64(s.Spool.Oldest)/1000)
	}
	gauge(ch, spoolUp, truth(s.SpoolError == ""))
}
