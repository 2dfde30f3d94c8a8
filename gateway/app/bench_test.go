package app_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway/app"
	"github.com/intact-gateway/intact/simulators/modbus"
)

const (
	benchSite = `
site: {id: bench, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "%s"}}
facilities: [{id: pump, profile: bench-pump, bus: plc, unit: 1}]
profiles: [pump.yaml]
rules: {packs: [water], files: [rule.yaml]}
notify: {receivers: [{id: desk, webhook: {url: "%s"}}]}
`
	benchProfile = `
profile: bench-pump
source: a simulated register
trust: bench
class: pump
periods: {fast: 100ms}
points: {fault: {reg: 0, bit: 0, role: fault, group: fast}}
`
	benchRule = `
class: pump
rules:
  tripped:
    title: {zh: 跳闸, en: Tripped}
    severity: critical
    when: fault == true
    ticket: emergency
    why: {cause: {zh: 无, en: none}, consequence: {zh: 无, en: none}, response: {zh: 无, en: none}}
`
)

// BenchmarkRegisterToWebhook changes a register of a device that is polled every
// 100 ms and waits for the webhook: through the wire, the rules, the alert, its
// ticket, one transaction with its fsync, and the HTTP request. It prints the
// whole way, and the way from the answer that held the value.
func BenchmarkRegisterToWebhook(b *testing.B) {
	type arrival struct {
		event   string
		started time.Time
		at      time.Time
	}
	arrivals := make(chan arrival, 16)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		at := time.Now()
		var m struct {
			Event string
			Alert struct{ Started time.Time }
		}
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &m)
		arrivals <- arrival{m.Event, m.Alert.Started, at}
	}))
	defer hook.Close()
	next := func(event string) arrival {
		for a := range arrivals {
			if a.event == event {
				return a
			}
		}
		panic("the webhook is closed")
	}
	unit, addr := benchDevice(b)
	files := fstest.MapFS{
		"site.yaml": {Data: fmt.Appendf(nil, benchSite, addr, hook.URL)},
		"pump.yaml": {Data: []byte(benchProfile)},
		"rule.yaml": {Data: []byte(benchRule)},
	}
	c, err := configs.Load(files, "site.yaml", configs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	a, err := app.New(app.Options{Config: c, Data: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	if err := a.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := a.Stop(context.Background()); err != nil {
			b.Error(err)
		}
	}()

	var whole, read []time.Duration
	for b.Loop() {
		changed := time.Now()
		unit.SetRegister("holding", 0, 1)
		got := next("raised")
		whole, read = append(whole, got.at.Sub(changed)), append(read, got.at.Sub(got.started))
		unit.SetRegister("holding", 0, 0)
		next("returned")
	}
	report := func(name string, d []time.Duration) {
		slices.Sort(d)
		b.ReportMetric(float64(d[len(d)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(d[len(d)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
	report("register", whole)
	report("read", read)
}

// benchDevice serves one holding register.
func benchDevice(b *testing.B) (*modbus.Unit, string) {
	b.Helper()
	var server modbus.Server
	unit, err := server.AddUnit(1, nil)
	if err != nil {
		b.Fatal(err)
	}
	unit.SetRegister("holding", 0, 0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(ctx, l) }()
	b.Cleanup(func() { stop(); <-done })
	return unit, l.Addr().String()
}
