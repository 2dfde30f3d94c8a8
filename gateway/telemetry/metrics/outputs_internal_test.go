package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/intact-gateway/intact/gateway/telemetry/influx"
	"github.com/intact-gateway/intact/gateway/telemetry/spool"
)

func TestInfluxIsUpWhileItTakesSamples(t *testing.T) {
	s := influx.Stats{Written: 100, Dropped: 3, Rejected: 1, Buffered: 50}
	s.Spool = spool.Stats{Bytes: 4096, Samples: 700, Oldest: 1773108720500}
	expect := func(up, disk string) {
		t.Helper()
		err := testutil.CollectAndCompare(exports{func() influx.Stats { return s }}, strings.NewReader(`
# HELP intact_influx_buffered_samples Samples in memory alone: neither taken by InfluxDB nor on disk.
# TYPE intact_influx_buffered_samples gauge
intact_influx_buffered_samples 50
# HELP intact_influx_samples_total Samples by what InfluxDB made of them, since the gateway started.
# TYPE intact_influx_samples_total counter
intact_influx_samples_total{result="damaged"} 0
intact_influx_samples_total{result="dropped"} 3
intact_influx_samples_total{result="rejected"} 1
intact_influx_samples_total{result="thinned"} 0
intact_influx_samples_total{result="written"} 100
# HELP intact_influx_up Whether InfluxDB takes samples right now, 1 or 0.
# TYPE intact_influx_up gauge
intact_influx_up `+up+`
# HELP intact_spool_bytes Disk that samples take while they wait for InfluxDB, in bytes.
# TYPE intact_spool_bytes gauge
intact_spool_bytes 4096
# HELP intact_spool_oldest_timestamp_seconds Time of the oldest sample on disk, in Unix seconds; absent if none waits.
# TYPE intact_spool_oldest_timestamp_seconds gauge
intact_spool_oldest_timestamp_seconds 1.7731087205e+09
# HELP intact_spool_samples Samples on disk that InfluxDB has not yet taken.
# TYPE intact_spool_samples gauge
intact_spool_samples 700
# HELP intact_spool_up Whether the disk takes samples that wait for InfluxDB, 1 or 0.
# TYPE intact_spool_up gauge
intact_spool_up `+disk+`
`))
		if err != nil {
			t.Error(err)
		}
	}
	expect("1", "1")
	s.LastError, s.SpoolError = "connection refused", "no space left on device"
	expect("0", "0")
}
