package metrics

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

func TestInfluxIsUpWhileItTakesSamples(t *testing.T) {
	s := influx.Stats{Written: 100, Dropped: 3, Rejected: 1, Buffered: 50}
	expect := func(up string) {
		t.Helper()
		err := testutil.CollectAndCompare(exports{func() influx.Stats { return s }}, strings.NewReader(`
# HELP intact_influx_buffered_samples Samples in memory that InfluxDB has not yet taken.
# TYPE intact_influx_buffered_samples gauge
intact_influx_buffered_samples 50
# HELP intact_influx_samples_total Samples by what InfluxDB made of them, since the gateway started.
# TYPE intact_influx_samples_total counter
intact_influx_samples_total{result="dropped"} 3
intact_influx_samples_total{result="rejected"} 1
intact_influx_samples_total{result="thinned"} 0
intact_influx_samples_total{result="written"} 100
# HELP intact_influx_up Whether InfluxDB takes samples right now, 1 or 0.
# TYPE intact_influx_up gauge
intact_influx_up `+up+`
`))
		if err != nil {
			t.Error(err)
		}
	}
	expect("1")
	s.LastError = "connection refused"
	expect("0")
}
