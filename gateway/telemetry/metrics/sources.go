package metrics

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// What is known of buses and brokers. Units are Modbus addresses: at most 256 on
// a bus, and only those of the site file.
var (
	busConnected   = family("bus_connected", "Whether the gateway is connected to the bus or broker, 1 or 0.", "bus")
	busReconnects  = family("bus_reconnects_total", "Connections made after the first one, since the gateway started.", "bus")
	busBusy        = family("bus_busy_seconds_total", "Time spent on requests, waiting for answers included, in seconds since the gateway started.", "bus")
	busUtilization = family("bus_utilization_ratio", "Share of the last ten seconds or more that the bus was busy, from 0 to 1.", "bus")
	overruns       = family("poll_overruns_total", "Poll cycles skipped because the one before was not done, since the gateway started.", "bus")

	modbusRequests = family("modbus_requests_total", "Requests by how they ended, good or the reason why not, since the gateway started.", "bus", "unit", "result")
	modbusWait     = family("modbus_wait_seconds", "How long the next answer is waited for, in seconds.", "bus", "unit")
	modbusResponse = family("modbus_response_seconds", "Time until the answer to a request, in seconds.", "bus", "unit")
	modbusAnswers  = family("modbus_unit_answering", "Whether the unit answered in its last cycle, 1 or 0.", "bus", "unit")
	modbusStale    = family("modbus_stale_answers_total", "Answers to earlier requests that were thrown away, since the gateway started.", "bus")

	mqttMessages      = family("mqtt_messages_total", "Messages received, by what became of them, since the gateway started.", "bus", "result")
	mqttQueued        = family("mqtt_queued_messages", "Messages that wait to be decoded.", "bus")
	mqttRenewed       = family("mqtt_subscriptions_renewed_total", "Subscriptions made again because nothing came under them, since the gateway started.", "bus")
	mqttRival         = family("mqtt_client_id_taken", "Whether another client seems to use the same client id, 1 or 0.", "bus")
	mqttHeld          = family("mqtt_held_devices", "Devices that speak and are not listed in the site file.", "bus")
	mqttDoubted       = family("mqtt_doubted_messages_total", "Messages whose own time is off or unreadable (misdated), or that hold values too old to count (outdated), since the gateway started.", "bus", "reason")
	mqttSubscriptions = family("mqtt_subscriptions", "Subscriptions, by whether the broker granted them.", "bus", "state")
)

// buses is the collector of what the drivers count.
type buses struct {
	sources map[string]drivers.Source // by bus id
	now     func() gateway.Instant

	mu    sync.Mutex
	loads map[string]*load
}

// load works out the utilization of one bus over windows of its own, so that it
// does not depend on who scrapes how often.
type load struct {
	since gateway.Instant
	busy  time.Duration // at since
	ratio float64
	known bool
}

// minWindow is the shortest time over which a utilization means something.
const minWindow = 10 * time.Second

// take notes how busy the bus has been in all by now. Within minWindow it keeps
// the ratio it has.
func (l *load) take(now gateway.Instant, busy time.Duration) {
	window := now.Sub(l.since)
	if window < minWindow {
		return
	}
	l.known = !l.since.IsZero()
	l.ratio = min(1, float64(busy-l.busy)/float64(window))
	l.since, l.busy = now, busy
}

// Describe names nothing: which series exist depends on the buses.
func (*buses) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *buses) Collect(ch chan<- prometheus.Metric) {
	for _, bus := range slices.Sorted(maps.Keys(c.sources)) {
		switch s := c.sources[bus].Stats(); {
		case s.Modbus != nil:
			c.collectModbus(ch, bus, s)
		case s.MQTT != nil:
			collectMQTT(ch, bus, s)
		}
	}
}

// collectModbus sends the counters of one line. The count of good requests is
// there from the start, so that a rate over it never lacks its first step.
func (c *buses) collectModbus(ch chan<- prometheus.Metric, bus string, all drivers.Stats) {
	s := all.Modbus
	gauge(ch, busConnected, truth(s.Connected), bus)
	counter(ch, busReconnects, float64(s.Reconnects), bus)
	counter(ch, busBusy, s.Busy.Seconds(), bus)
	counter(ch, overruns, float64(s.Overruns), bus)
	counter(ch, modbusStale, float64(s.Stale), bus)
	if ratio, known := c.utilization(bus, s.Busy); known {
		gauge(ch, busUtilization, ratio, bus)
	}
	for _, u := range s.Units {
		unit := strconv.Itoa(u.Unit)
		gauge(ch, modbusAnswers, truth(u.Answering), bus, unit)
		counter(ch, modbusRequests, float64(u.Requests[gateway.Good.String()]), bus, unit, gateway.Good.String())
		for _, result := range slices.Sorted(maps.Keys(u.Requests)) {
			if result != gateway.Good.String() {
				counter(ch, modbusRequests, float64(u.Requests[result]), bus, unit, result)
			}
		}
		gauge(ch, modbusWait, u.Wait.Seconds(), bus, unit)
		count, buckets := cumulative(u.Response.Bounds, u.Response.Counts)
		ch <- prometheus.MustNewConstHistogram(modbusResponse, count, u.Response.Sum.Seconds(), buckets, bus, unit)
	}
}

// utilization returns the ratio of the last whole window, if there was one.
func (c *buses) utilization(bus string, busy time.Duration) (ratio float64, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.loads[bus]
	if l == nil {
		l = new(load)
		c.loads[bus] = l
	}
	l.take(c.now(), busy)
	return l.ratio, l.known
}

// cumulative makes of counts between bounds what Prometheus calls buckets: how
// many were not longer than each bound.
func cumulative(bounds []time.Duration, counts []uint64) (total uint64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(bounds))
	for i, n := range counts {
		total += n
		if i < len(bounds) {
			buckets[bounds[i].Seconds()] = total
		}
	}
	return total, buckets
}

// collectMQTT sends the counters of one broker. The results add up to the
// messages received, but for those that still wait.
func collectMQTT(ch chan<- prometheus.Metric, bus string, all drivers.Stats) {
	s := all.MQTT
	gauge(ch, busConnected, truth(s.Connected), bus)
	counter(ch, busReconnects, float64(s.Reconnects), bus)
	counter(ch, mqttMessages, float64(s.Decoded), bus, "decoded")
	counter(ch, mqttMessages, float64(s.BadPayload), bus, "bad_payload")
	counter(ch, mqttMessages, float64(s.Unknown), bus, "unknown_topic")
	counter(ch, mqttMessages, float64(s.Dropped), bus, "dropped")
	counter(ch, mqttMessages, float64(s.Repeated), bus, "repeated")
	counter(ch, mqttDoubted, float64(s.Misdated), bus, "misdated")
	counter(ch, mqttDoubted, float64(s.Outdated), bus, "outdated")
	counter(ch, mqttRenewed, float64(s.Renewed), bus)
	gauge(ch, mqttRival, truth(s.Rival), bus)
	gauge(ch, mqttHeld, float64(len(s.Held)), bus)
	gauge(ch, mqttQueued, float64(s.Queued), bus)
	gauge(ch, mqttSubscriptions, float64(s.Granted), bus, "granted")
	gauge(ch, mqttSubscriptions, float64(s.Refused), bus, "refused")
}

// truth is how Prometheus writes yes and no.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
