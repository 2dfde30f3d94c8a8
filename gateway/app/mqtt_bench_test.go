package app_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/intact"
	"github.com/intact-gateway/intact/gateway/pipeline"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

const (
	floodSite = `
site: {id: bench, timezone: Asia/Shanghai, language: en}
buses: {mq: {mqtt: "mqtt://%s", client_id: bench, qos: %d}}
facilities: [{id: "sensor-{device}", profile: bench-sensor, bus: mq, topic: "site/a/{device}/state", devices: [%s]}]
profiles: [sensor.yaml]
rules: {packs: [water], files: [rule.yaml]}
`
	floodProfile = `
profile: bench-sensor
source: made up
trust: bench
protocol: mqtt
class: leak_sensor
points:
  sent:  {path: ts}
  value: {path: data.v, role: temperature, unit: degC}
`
	floodRule = `
class: leak_sensor
rules:
  hot:
    title: {zh: 过热, en: Hot}
    severity: warning
    when: value > 900 degC
    hold: 10s
    why: {cause: {zh: 无, en: none}, consequence: {zh: 无, en: none}, response: {zh: 无, en: none}}
`
	floodDevices = 100
	floodLasts   = 4 * time.Second
	// floodAddress and floodRate tell the test binary, started again, that it is
	// to publish: its work must not count as the gateway's.
	floodAddress = "INTACT_BENCH_PUBLISH_TO"
	floodRate    = "INTACT_BENCH_RATE"
)

// BenchmarkMQTTPaced publishes through mosquitto at a steady rate and takes the
// messages through driver, queue, loop and a rule on every one. It prints the
// gateway's own time on the processor for a message, how long a message took
// from being published until the rules had seen it, and what was lost.
func BenchmarkMQTTPaced(b *testing.B) {
	for _, qos := range []int{0, 1} {
		for _, rate := range []int{5_000, 20_000, 50_000, 75_000} {
			b.Run(fmt.Sprintf("qos=%d/rate=%d", qos, rate), func(b *testing.B) { benchFlood(b, qos, rate) })
		}
	}
}

func benchFlood(b *testing.B, qos, rate int) {
	address := benchMosquitto(b)
	var seen atomic.Int64
	delays := make([]int64, 0, 1<<20) // microseconds; owned by the loop until the end
	p, source := benchChain(b, address, qos, func(site *gateway.Site, samples []gateway.Sample) {
		now := time.Now().UnixMicro()
		for _, s := range samples {
			if site.Point(s.Point).Name == "sent" && s.Quality == gateway.Good {
				delays = append(delays, now-int64(s.Value))
				seen.Add(1)
			}
		}
	})
	stopSource, stopLoop := running(func(ctx context.Context) error { return source.Run(ctx, p.Intake("mq")) }), running(p.Run)
	for !source.Stats().MQTT.Connected || source.Stats().MQTT.Granted == 0 {
		time.Sleep(time.Millisecond)
	}
	for b.Loop() {
		before, had := cpuTime(), seen.Load()
		publisher := exec.Command(os.Args[0], "-test.run=^TestFloodPublisher$")
		publisher.Env = append(os.Environ(), floodAddress+"="+address, floodRate+"="+strconv.Itoa(rate), "INTACT_BENCH_QOS="+strconv.Itoa(qos))
		out, err := publisher.Output()
		if err != nil {
			b.Fatalf("publisher: %v\n%s", err, out)
		}
		sent, _ := strconv.ParseInt(strings.Fields(string(out))[0], 10, 64)
		for last := int64(-1); seen.Load() != last; { // until nothing more comes
			last = seen.Load()
			time.Sleep(time.Second)
		}
		came := seen.Load() - had
		b.ReportMetric(float64((cpuTime()-before).Nanoseconds())/float64(came), "cpu-ns/msg")
		b.ReportMetric(float64(sent-came), "lost")
		b.ReportMetric(float64(sent)/floodLasts.Seconds(), "msg/s")
	}
	stopSource()
	stopLoop()
	slices.Sort(delays)
	b.ReportMetric(float64(delays[len(delays)/2])/1000, "p50-ms")
	b.ReportMetric(float64(delays[len(delays)*99/100])/1000, "p99-ms")
	if s := source.Stats().MQTT; s.Dropped > 0 {
		b.ReportMetric(float64(s.Dropped), "dropped")
	}
}

// cpuTime returns how long this process has been on a processor.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// running runs f in a goroutine and returns what ends it.
func running(f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f(ctx) }()
	return func() { cancel(); <-done }
}

// benchChain builds what a gateway is made of between broker and rules.
func benchChain(b *testing.B, address string, qos int, export func(*gateway.Site, []gateway.Sample)) (*pipeline.Pipeline, drivers.Source) {
	b.Helper()
	names := make([]string, floodDevices)
	for i := range names {
		names[i] = fmt.Sprintf("d%02d", i)
	}
	c, err := configs.Load(fstest.MapFS{
		"site.yaml":   {Data: fmt.Appendf(nil, floodSite, address, qos, strings.Join(names, ", "))},
		"sensor.yaml": {Data: []byte(floodProfile)},
		"rule.yaml":   {Data: []byte(floodRule)},
	}, "site.yaml", configs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	db, err := store.Open(filepath.Join(b.TempDir(), "intact.db"), store.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	engine := rules.Compile(c.Site, c.Packs, c.Settings, func(path, problem, _ string) { b.Errorf("%s: %s", path, problem) })
	now := gateway.InstantOf(time.Now())
	meter, _ := intact.NewMeter(c.Site, nil, nil, 0, now)
	p := pipeline.New(pipeline.Parts{
		Site: c.Site, Engine: engine, Book: alerts.NewBook(c.Site, engine.Instances(), nil, 0, alerts.Options{}),
		Desk: tickets.NewDesk(c.Site, nil, 0, nil, c.Tickets), Meter: meter, Router: notify.NewRouter(c.Notify, c.Site), Store: db,
	}, pipeline.Options{Export: func(s []gateway.Sample) { export(c.Site, s) }})
	bindings, err := drivers.Bind(c.Site, c.Devices, c.Profiles)
	if err != nil {
		b.Fatal(err)
	}
	source, err := drivers.Open(c.Buses[0], bindings["mq"], drivers.Options{Settled: p.Settle})
	if err != nil {
		b.Fatal(err)
	}
	return p, source
}

// benchMosquitto starts a broker that drops nothing and returns its address.
func benchMosquitto(b *testing.B) string {
	b.Helper()
	const binary = "/usr/sbin/mosquitto"
	if _, err := os.Stat(binary); err != nil {
		b.Skipf("%s is missing: apt-get install mosquitto", binary)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	file := filepath.Join(b.TempDir(), "mosquitto.conf")
	text := "listener " + port + " 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 200\nuser root\nlog_dest stderr\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command(binary, "-c", file)
	out, err := cmd.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "running") {
			return address
		}
	}
	b.Fatal("mosquitto ended before it ran")
	return ""
}

// TestFloodPublisher is the publisher of BenchmarkMQTTPaced, in a process of its
// own. It writes packets by hand, every millisecond those that are due.
func TestFloodPublisher(t *testing.T) {
	address := os.Getenv(floodAddress)
	if address == "" {
		t.Skip("only for the benchmark")
	}
	rate, _ := strconv.Atoi(os.Getenv(floodRate))
	qos, _ := strconv.Atoi(os.Getenv("INTACT_BENCH_QOS"))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	hello := mqttPacket(0x10, []byte("\x00\x04MQTT\x04\x02\x00\x00\x00\x05flood"))
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if _, err := answers.Discard(4); err != nil {
		t.Fatal(err)
	}
	acked := make(chan int)
	go func() {
		n := 0
		for {
			if _, err := answers.Discard(4); err != nil {
				acked <- n
				return
			}
			n++
		}
	}()
	total := int(float64(rate) * floodLasts.Seconds())
	var burst, body []byte
	begin, sent := time.Now(), 0
	for sent < total {
		due := min(total, int(time.Since(begin).Seconds()*float64(rate)))
		burst = burst[:0]
		for ; sent < due; sent++ {
			topic := fmt.Sprintf("site/a/d%02d/state", sent%floodDevices)
			body = append(binary.BigEndian.AppendUint16(body[:0], uint16(len(topic))), topic...)
			if qos == 1 {
				body = binary.BigEndian.AppendUint16(body, uint16(sent%65535+1))
			}
			value := 20 + sent%10
			if sent%101 == 7 {
				value = 950 // above the limit, never for long enough
			}
			body = fmt.Appendf(body, `{"ts":%d,"data":{"v":%d.5,"batt":92},"seq":%d}`, time.Now().UnixMicro(), value, sent)
			burst = append(burst, mqttPacket(byte(0x30|qos<<1), body)...)
		}
		if _, err := conn.Write(burst); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	if qos == 1 {
		time.Sleep(200 * time.Millisecond)
	}
	conn.Write([]byte{0xe0, 0})
	conn.(*net.TCPConn).CloseWrite()
	<-acked
	fmt.Println(sent)
}

// mqttPacket returns a packet with its header.
func mqttPacket(first byte, body []byte) []byte {
	packet := []byte{first}
	for n := len(body); ; {
		digit := byte(n & 0x7f)
		if n >>= 7; n == 0 {
			return append(append(packet, digit), body...)
		}
		packet = append(packet, digit|0x80)
	}
}
