package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/drivers/mqtt"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/telemetry/metrics"
)

// bound is a registry over a snapshot and driver counters that tests change.
type bound struct {
	*prometheus.Registry
	snap   *pipeline.Snapshot
	modbus modbus.Stats
	mqtt   mqtt.Stats
}

// source is a driver that only counts.
type source func() drivers.Stats

func (source) Run(context.Context, func([]gateway.Sample)) error { return nil }
func (s source) Stats() drivers.Stats                            { return s() }

func newBound(t testing.TB) *bound {
	b := &bound{snap: quiet(newSite(t, lift()))}
	b.Registry = metrics.New(metrics.Options{
		Snapshot: func() *pipeline.Snapshot { return b.snap },
		Sources: map[string]drivers.Source{
			"plc": source(func() drivers.Stats { return drivers.Stats{Modbus: &b.modbus} }),
			"mq":  source(func() drivers.Stats { return drivers.Stats{MQTT: &b.mqtt} }),
		},
	})
	return b
}

func TestModbusRequestsAreCountedByUnitAndResult(t *testing.T) {
	b := newBound(t)
	b.modbus = modbus.Stats{Connected: true, Overruns: 4, Busy: 1500 * time.Millisecond, Units: []modbus.UnitStats{
		{Unit: 3, Answering: true, Wait: 200 * time.Millisecond, Requests: map[string]uint64{"good": 7, "timeout": 2}, Response: modbus.Histogram{
			Bounds: []time.Duration{10 * time.Millisecond, 100 * time.Millisecond}, Counts: []uint64{4, 2, 1}, Sum: 450 * time.Millisecond,
		}},
		{Unit: 9, Wait: time.Second, Requests: map[string]uint64{"timeout": 5}},
	}}
	expect(t, b, `
# HELP intact_bus_busy_seconds_total Time spent on requests, waiting for answers included, in seconds since the gateway started.
# TYPE intact_bus_busy_seconds_total counter
intact_bus_busy_seconds_total{bus="plc"} 1.5
# HELP intact_modbus_requests_total Requests by how they ended, good or the reason why not, since the gateway started.
# TYPE intact_modbus_requests_total counter
intact_modbus_requests_total{bus="plc",result="good",unit="3"} 7
intact_modbus_requests_total{bus="plc",result="timeout",unit="3"} 2
intact_modbus_requests_total{bus="plc",result="good",unit="9"} 0
intact_modbus_requests_total{bus="plc",result="timeout",unit="9"} 5
# HELP intact_modbus_response_seconds Time until the answer to a request, in seconds.
# TYPE intact_modbus_response_seconds histogram
intact_modbus_response_seconds_bucket{bus="plc",unit="3",le="0.01"} 4
intact_modbus_response_seconds_bucket{bus="plc",unit="3",le="0.1"} 6
intact_modbus_response_seconds_bucket{bus="plc",unit="3",le="+Inf"} 7
intact_modbus_response_seconds_sum{bus="plc",unit="3"} 0.45
intact_modbus_response_seconds_count{bus="plc",unit="3"} 7
intact_modbus_response_seconds_bucket{bus="plc",unit="9",le="+Inf"} 0
intact_modbus_response_seconds_sum{bus="plc",unit="9"} 0
intact_modbus_response_seconds_count{bus="plc",unit="9"} 0
# HELP intact_modbus_unit_answering Whether the unit answered in its last cycle, 1 or 0.
# TYPE intact_modbus_unit_answering gauge
intact_modbus_unit_answering{bus="plc",unit="3"} 1
intact_modbus_unit_answering{bus="plc",unit="9"} 0
# HELP intact_modbus_wait_seconds How long the next answer is waited for, in seconds.
# TYPE intact_modbus_wait_seconds gauge
intact_modbus_wait_seconds{bus="plc",unit="3"} 0.2
intact_modbus_wait_seconds{bus="plc",unit="9"} 1
# HELP intact_poll_overruns_total Poll cycles skipped because the one before was not done, since the gateway started.
# TYPE intact_poll_overruns_total counter
intact_poll_overruns_total{bus="plc"} 4
`, "intact_bus_busy_seconds_total", "intact_modbus_requests_total", "intact_modbus_response_seconds", "intact_modbus_unit_answering", "intact_modbus_wait_seconds", "intact_poll_overruns_total")
}

func TestUtilizationIsKnownAfterTenSecondsWhoeverScrapes(t *testing.T) {
	b := newBound(t)
	step := func(seconds int64, busy time.Duration, want string) {
		t.Helper()
		next := *b.snap
		next.At = at.Add(time.Duration(seconds) * time.Second)
		b.snap, b.modbus.Busy = &next, busy
		if want != "" {
			want = `
# HELP intact_bus_utilization_ratio Share of the last ten seconds or more that the bus was busy, from 0 to 1.
# TYPE intact_bus_utilization_ratio gauge
intact_bus_utilization_ratio{bus="plc"} ` + want + "\n"
		}
		expect(t, b, want, "intact_bus_utilization_ratio")
	}
	step(0, 5*time.Second, "")
	step(9, 11*time.Second, "")
	step(10, 13*time.Second, "0.8")
	step(12, 13*time.Second, "0.8") // another scrape in between changes nothing
	step(30, 14*time.Second, "0.05")
}

func TestMQTTMessagesAreCountedByWhatBecameOfThem(t *testing.T) {
	b := newBound(t)
	b.mqtt = mqtt.Stats{Connected: true, Received: 10, Decoded: 6, BadPayload: 2, Unknown: 1, Dropped: 1, Reconnects: 3, Refused: 1, Granted: 2,
		Repeated: 4, Misdated: 5, Outdated: 6, Renewed: 7, Rival: true, Held: make([]mqtt.Held, 8)}
	expect(t, b, `
# HELP intact_bus_connected Whether the gateway is connected to the bus or broker, 1 or 0.
# TYPE intact_bus_connected gauge
intact_bus_connected{bus="mq"} 1
intact_bus_connected{bus="plc"} 0
# HELP intact_mqtt_messages_total Messages received, by what became of them, since the gateway started.
# TYPE intact_mqtt_messages_total counter
intact_mqtt_messages_total{bus="mq",result="bad_payload"} 2
intact_mqtt_messages_total{bus="mq",result="decoded"} 6
intact_mqtt_messages_total{bus="mq",result="dropped"} 1
intact_mqtt_messages_total{bus="mq",result="repeated"} 4
intact_mqtt_messages_total{bus="mq",result="unknown_topic"} 1
# HELP intact_mqtt_client_id_taken Whether another client seems to use the same client id, 1 or 0.
# TYPE intact_mqtt_client_id_taken gauge
intact_mqtt_client_id_taken{bus="mq"} 1
# HELP intact_mqtt_doubted_messages_total Messages whose own time is off or unreadable (misdated), or that hold values too old to count (outdated), since the gateway started.
# TYPE intact_mqtt_doubted_messages_total counter
intact_mqtt_doubted_messages_total{bus="mq",reason="misdated"} 5
intact_mqtt_doubted_messages_total{bus="mq",reason="outdated"} 6
# HELP intact_mqtt_held_devices Devices that speak and are not listed in the site file.
# TYPE intact_mqtt_held_devices gauge
intact_mqtt_held_devices{bus="mq"} 8
# HELP intact_mqtt_subscriptions_renewed_total Subscriptions made again because nothing came under them, since the gateway started.
# TYPE intact_mqtt_subscriptions_renewed_total counter
intact_mqtt_subscriptions_renewed_total{bus="mq"} 7
# HELP intact_mqtt_subscriptions Subscriptions, by whether the broker granted them.
# TYPE intact_mqtt_subscriptions gauge
intact_mqtt_subscriptions{bus="mq",state="granted"} 2
intact_mqtt_subscriptions{bus="mq",state="refused"} 1
`, "intact_bus_connected", "intact_mqtt_messages_total", "intact_mqtt_subscriptions", "intact_mqtt_client_id_taken",
		"intact_mqtt_doubted_messages_total", "intact_mqtt_held_devices", "intact_mqtt_subscriptions_renewed_total")
}

func TestWithoutBusesAndInfluxThereAreNoSeriesOfThem(t *testing.T) {
	r := registry(quiet(newSite(t, lift())))
	if n, err := testutil.GatherAndCount(r, "intact_influx_up", "intact_bus_connected"); n != 0 || err != nil {
		t.Errorf("%d series, %v", n, err)
	}
}
