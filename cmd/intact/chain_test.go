package main_test

import (
	"bytes"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

var binary string

// TestMain builds the true binary once, with the race detector.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "intact")
	if err != nil {
		panic(err)
	}
	binary = filepath.Join(dir, "intact")
	if out, err := exec.Command("go", "build", "-race", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// siteFile is written from docs/site-file.md: a meter and a lift on a Modbus
// line, a leak sensor on a broker, one webhook, InfluxDB. The line waits long
// for an answer: a busy machine is no fault of the devices.
const siteFile = `
site: {id: lakeside, name: {zh: 湖畔花园, en: Lakeside Garden}, timezone: Asia/Shanghai, language: zh}
http: {listen: "127.0.0.1:0"}
buses:
  plc: {tcp: "127.0.0.1:%[1]d", timeout: 20s}
  mq:  {mqtt: "mqtt://127.0.0.1:%[2]d", client_id: lakeside-gw, qos: 1}
facilities:
  - {id: meter-main, class: electric_meter, name: {zh: 总电表, en: Main meter}, building: "1", profile: eastron-sdm630, bus: plc, unit: 1, every: 1s}
  - {id: lift-1, class: elevator, name: {zh: 1号楼1号电梯, en: Lift 1}, building: "1", place: 机房, criticality: A, profile: generic-lift-io, bus: plc, unit: 2}
  - {id: "leak-{device}", profile: generic-leak-mqtt, bus: mq, topic: "site/a/leak/{device}/state", devices: [b1, b2]}
rules: {packs: [elevator, electric, water]}
notify:
  receivers:
    - {id: desk, webhook: {url: "%[3]s", secret: "${DESK_SECRET}"}}
influx: {url: "%[4]s", org: lakeside, bucket: building, token: "${INFLUX_TOKEN}"}
`

// TestFromARegisterToATicket runs the whole chain on foreign peers: pymodbus
// and mosquitto give the values, a webhook hears of the alert, VictoriaMetrics
// takes the samples, Prometheus scrapes, and kill -9 loses nothing.
func TestFromARegisterToATicket(t *testing.T) {
	plc, broker, victoria := startPymodbus(t), startMosquitto(t), startVictoriaMetrics(t)
	desk := newDesk(t)
	plc.set(1, 4, 0x0000, 0x4366, 0, 0x4366, 0, 0x4366, 0) // 230 V on three phases
	plc.set(1, 4, 0x0046, 0x4248, 0)                       // 50 Hz
	plc.set(2, 4, 0, 0x0331, 0x0100)                       // power on, door zone, door closed, floor 3, normal
	dir := t.TempDir()
	config := filepath.Join(dir, "site.yaml")
	write(t, config, fmt.Sprintf(siteFile, plc.port, broker, desk.server.URL, victoria))

	gw := startGateway(t, config, filepath.Join(dir, "data"))
	prometheus := startPrometheus(t, strings.TrimPrefix(gw.url, "http://"))

	waitFor(t, "230 V on the meter", func() bool { return gw.value("meter-main", "v_l1") == 230.0 })
	waitFor(t, "the broker to deliver", func() bool { return gw.value("bus-mq", "link") == 1.0 })
	publish(t, broker, "site/a/leak/b1/state", `{"leak":false,"battery":92}`)
	waitFor(t, "the leak sensor's battery", func() bool { return gw.value("leak-b1", "battery") == 92.0 })
	if v := gw.value("leak-b2", "battery"); v != nil {
		t.Errorf("a sensor that never spoke shows %v", v)
	}

	t.Log("water is found: an alert, one ticket, a webhook")
	publish(t, broker, "site/a/leak/b1/state", `{"leak":true,"battery":92}`)
	waitFor(t, "the leak alert", func() bool { return gw.alert("leak-b1", "leak") != nil })
	alert := gw.alert("leak-b1", "leak")
	if len(gw.alerts("leak-b1")) != 1 || alert["severity"] != "critical" || alert["acked"] != false {
		t.Errorf("alert is %v", alert)
	}
	tickets := gw.tickets("leak-b1")
	if len(tickets) != 1 || tickets[0]["priority"] != "emergency" || tickets[0]["state"] != "new" {
		t.Fatalf("tickets are %v", tickets)
	}
	waitFor(t, "the webhook", func() bool { return len(desk.about("leak-b1", "raised")) > 0 })
	if n := desk.about("leak-b1", "raised")[0]; !strings.Contains(n.body, "发现漏水") || n.signature == "" || n.key == "" {
		t.Errorf("webhook got %+v", n)
	}

	t.Log("a person takes the ticket")
	gw.post(t, fmt.Sprintf("alerts/%v/ack", alert["id"]), `{"by":"王强","note":"在去现场的路上"}`, http.StatusOK)
	gw.post(t, fmt.Sprintf("tickets/%v/accept", tickets[0]["id"]), `{"by":"王强"}`, http.StatusOK)
	gw.post(t, fmt.Sprintf("tickets/%v/verify", tickets[0]["id"]), `{"by":"王强"}`, http.StatusConflict)

	t.Log("the samples are in VictoriaMetrics and Prometheus")
	waitFor(t, "the voltage in VictoriaMetrics", func() bool {
		return strings.Contains(get(victoria+"/api/v1/export?match[]="+url.QueryEscape(`{facility="meter-main",point="v_l1"}`)), "230")
	})
	waitFor(t, "the facility's state in Prometheus", func() bool {
		return strings.Contains(get(prometheus+"/api/v1/query?query="+url.QueryEscape(`intact_facility_state{facility="lift-1"}`)), `"lift-1"`)
	})

	t.Log("the desk is down, the lift's alarm button is pressed, the gateway is killed")
	desk.down(true)
	plc.set(2, 4, 0, 0x03B1)
	waitFor(t, "the lift alert", func() bool { return gw.alert("lift-1", "alarm_button") != nil })
	before, ticket := gw.alert("lift-1", "alarm_button"), gw.tickets("lift-1")[0]
	gw.kill(t)
	gw = startGateway(t, config, filepath.Join(dir, "data"))
	waitFor(t, "the lift after the restart", func() bool { return gw.value("lift-1", "alarm_button") == 1.0 })
	after := gw.alert("lift-1", "alarm_button")
	if len(gw.alerts("lift-1")) != 1 || after["id"] != before["id"] || after["started"] != before["started"] {
		t.Errorf("before the kill: %v\nafter it: %v", before, after)
	}
	if again := gw.tickets("lift-1"); len(again) != 1 || again[0]["number"] != ticket["number"] ||
		fmt.Sprint(again[0]["deadlines"]) != fmt.Sprint(ticket["deadlines"]) {
		t.Errorf("ticket before the kill: %v\nafter it: %v", ticket, again)
	}
	if leak := gw.alerts("leak-b1"); len(leak) != 1 || leak[0]["acked"] != true {
		t.Errorf("the acknowledged leak came back as %v", leak)
	}
	desk.down(false)
	waitFor(t, "the webhook that was owed", func() bool { return len(desk.about("lift-1", "raised")) > 0 })
	// Told again under the same key is harmless: the kill may have come before
	// the first answer was noted.
	keys := make(map[string]bool)
	for _, d := range desk.about("leak-b1", "raised") {
		keys[d.key] = true
	}
	if len(keys) != 1 {
		t.Errorf("the leak was told as %d different events", len(keys))
	}

	t.Log("the fault ends")
	plc.set(2, 4, 0, 0x0331)
	waitFor(t, "the lift alert to return", func() bool {
		a := gw.alert("lift-1", "alarm_button")
		return a["condition"] == "returned" && a["cleared"] != nil
	})
	if got := gw.tickets("lift-1"); len(got) != 1 {
		t.Errorf("an emergency ticket closed itself: %v", got)
	}
	gw.stop(t)
}

// TestADeadLineIsUnknownAndNeverWell cuts the Modbus line of a healthy lift.
func TestADeadLineIsUnknownAndNeverWell(t *testing.T) {
	plc := startPymodbus(t)
	plc.set(2, 4, 0, 0x0331, 0x0100)
	dir := t.TempDir()
	config := filepath.Join(dir, "site.yaml")
	write(t, config, fmt.Sprintf(`
site: {id: lakeside, timezone: Asia/Shanghai, language: en}
http: {listen: "127.0.0.1:0"}
buses: {plc: {tcp: "127.0.0.1:%d", timeout: 20s}}
facilities:
  - {id: lift-1, profile: generic-lift-io, bus: plc, unit: 2, every: 1s}
  - {id: lift-2, profile: generic-lift-io, bus: plc, unit: 3, every: 1s}
`, plc.port))
	gw := startGateway(t, config, filepath.Join(dir, "data"))
	waitFor(t, "the lift", func() bool { return gw.value("lift-1", "floor") == 3.0 })
	plc.stop()
	waitFor(t, "the value to go", func() bool { return gw.value("lift-1", "floor") == nil })
	waitFor(t, "the alert of the line", func() bool { return len(gw.alerts("bus-plc")) == 1 })
	waitFor(t, "the lifts to be hidden behind it", func() bool {
		a, b := gw.alerts("lift-1"), gw.alerts("lift-2")
		return len(a) == 1 && len(b) == 1 && a[0]["shown_as"] == "suppressed" && b[0]["shown_as"] == "suppressed"
	})
	if got := append(gw.tickets("lift-1"), gw.tickets("lift-2")...); len(got) != 0 {
		t.Errorf("one cause has opened tickets for its consequences: %v", got)
	}
	if got := gw.tickets("bus-plc"); len(got) != 1 {
		t.Errorf("the line has %d tickets", len(got))
	}
	gw.stop(t)

	t.Log("a quarter of an hour later, in which nobody heard the lifts")
	data := filepath.Join(dir, "data")
	rewind(t, filepath.Join(data, "intact.db"), 15*time.Minute)
	gw = startGateway(t, config, data)
	for _, lift := range []string{"lift-1", "lift-2"} {
		if got := gw.state(lift); got != "unknown" {
			t.Errorf("%s behind a dead line is %s", lift, got)
		}
	}
	if rate := gw.rate(); rate["no_data"] == true || rate["unknown_ms"].(float64) < 5*60_000 || rate["down_ms"] != 0.0 {
		t.Errorf("the lifts count as %v", rate)
	}
	gw.stop(t)
}

// rewind makes everything that the stopped gateway knows older by d: the time
// that a test cannot wait.
func rewind(t *testing.T, path string, d time.Duration) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for table, columns := range map[string][]string{
		"heartbeat": {"at"}, "state_event": {"recorded", "effective"}, "alert": {"started", "raised"}, "ticket": {"opened", "started"},
	} {
		for _, c := range columns {
			if _, err := db.Exec("UPDATE "+table+" SET "+c+" = "+c+" - ?", d.Milliseconds()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// gateway is the true binary, running.
type gateway struct {
	t   *testing.T
	cmd *exec.Cmd
	log *lockedBuffer
	url string
}

func startGateway(t *testing.T, config, data string) *gateway {
	t.Helper()
	g := &gateway{t: t, log: &lockedBuffer{}}
	g.cmd = exec.Command(binary, "run", "--config", config, "--data", data)
	g.cmd.Env = append(os.Environ(), "DESK_SECRET=s3cret-desk", "INFLUX_TOKEN=s3cret-influx")
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = g.cmd.Process.Kill()
		_ = g.cmd.Wait()
		if strings.Contains(g.log.String(), "s3cret") {
			t.Error("a secret is in the log")
		}
		if strings.Contains(g.log.String(), "DATA RACE") || t.Failed() {
			t.Errorf("the gateway said:\n%s", g.log)
		}
	})
	waitFor(t, "the gateway to listen", func() bool {
		for line := range strings.Lines(g.log.String()) {
			if _, rest, ok := strings.Cut(line, "url="); ok && strings.Contains(line, "listening") {
				g.url = strings.Trim(strings.Fields(rest)[0], `"/`)
			}
		}
		return g.url != "" && get(g.url+"/healthz") != ""
	})
	return g
}

func (g *gateway) kill(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = g.cmd.Wait()
}

func (g *gateway) stop(t *testing.T) {
	t.Helper()
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := g.cmd.Wait(); err != nil {
		t.Errorf("SIGTERM ended it with %v", err)
	}
}

// items returns the items of a list of the API.
func (g *gateway) items(path string) []map[string]any {
	var list struct{ Items []map[string]any }
	if body := get(g.url + "/api/v1/" + path); body != "" {
		if err := json.Unmarshal([]byte(body), &list); err != nil {
			g.t.Errorf("%s is no list: %v", path, err)
		}
	}
	return list.Items
}

func (g *gateway) of(path, facility string) []map[string]any {
	var own []map[string]any
	for _, item := range g.items(path) {
		if item["facility"] == facility {
			own = append(own, item)
		}
	}
	return own
}

func (g *gateway) alerts(facility string) []map[string]any {
	return g.of("alerts?state=open", facility)
}

// alert returns the open alert of a rule, nil if there is none.
func (g *gateway) alert(facility, rule string) map[string]any {
	for _, a := range g.alerts(facility) {
		if a["rule"] == rule {
			return a
		}
	}
	return nil
}

func (g *gateway) tickets(facility string) []map[string]any {
	return g.of("tickets?state=open", facility)
}

// state returns what a facility counts as.
func (g *gateway) state(facility string) string {
	for _, f := range g.items("facilities") {
		if f["id"] == facility {
			return f["state"].(string)
		}
	}
	return ""
}

// rate returns the intact rate of all facilities since yesterday.
func (g *gateway) rate() map[string]any {
	var answer struct{ Total map[string]any }
	from := time.Now().Add(-24 * time.Hour).UTC().Format(time.RFC3339)
	if err := json.Unmarshal([]byte(get(g.url+"/api/v1/intact?from="+from)), &answer); err != nil {
		g.t.Error(err)
	}
	return answer.Total
}

// value returns the value of a point as JSON has it: nil if it is not good.
func (g *gateway) value(facility, point string) any {
	for _, p := range g.items("points?facility=" + facility) {
		if p["name"] == point {
			return p["value"]
		}
	}
	return nil
}

func (g *gateway) post(t *testing.T, path, body string, want int) {
	t.Helper()
	resp, err := http.Post(g.url+"/api/v1/"+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); resp.StatusCode != want {
		t.Errorf("POST %s: %s %s, want %d", path, resp.Status, got, want)
	}
}

// desk is a receiver of webhooks that can fail.
type desk struct {
	server  *httptest.Server
	mu      sync.Mutex
	failing bool
	got     []delivery
}

type delivery struct{ body, signature, key, facility, event string }

func newDesk(t *testing.T) *desk {
	d := &desk{}
	d.server = httptest.NewServer(http.HandlerFunc(d.take))
	t.Cleanup(d.server.Close)
	return d
}

func (d *desk) take(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var m struct {
		Event string
		Alert struct{ Facility string }
	}
	_ = json.Unmarshal(body, &m)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failing {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	d.got = append(d.got, delivery{string(body), r.Header.Get("X-Intact-Signature"), r.Header.Get("Idempotency-Key"), m.Alert.Facility, m.Event})
}

func (d *desk) down(yes bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failing = yes
}

func (d *desk) about(facility, event string) []delivery {
	d.mu.Lock()
	defer d.mu.Unlock()
	var own []delivery
	for _, g := range d.got {
		if g.facility == facility && g.event == event {
			own = append(own, g)
		}
	}
	return own
}

func publish(t *testing.T, port int, topic, payload string) {
	t.Helper()
	pub := need(t, "mosquitto_pub", "mosquitto-clients")
	out, err := exec.CommandContext(t.Context(), pub, "-h", "127.0.0.1", "-p", fmt.Sprint(port), "-q", "1", "-t", topic, "-m", payload).CombinedOutput()
	if err != nil {
		t.Fatalf("mosquitto_pub: %v\n%s", err, out)
	}
}

// lockedBuffer takes the output of a program while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
