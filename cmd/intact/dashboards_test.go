package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway/app"
	"github.com/intact-gateway/intact/simulators"
)

// dashboardFiles is where the dashboards are that people load.
const dashboardFiles = "../../configs/dashboards"

// quietHere are the panels that the demo has nothing to show for, because all is
// well there: their queries must run, and may find nothing.
var quietHere = map[string]bool{
	"power.json Alerts now": true, "power.json 当前告警": true,
}

// TestEveryQueryOfTheDashboardsFindsDataInTheDemo runs the simulated building
// with a gateway that Prometheus scrapes and that writes to VictoriaMetrics and
// InfluxDB, and asks them everything that the dashboards ask, variables filled.
func TestEveryQueryOfTheDashboardsFindsDataInTheDemo(t *testing.T) {
	victoria, influx := startVictoriaMetrics(t), startInfluxDB(t)
	gateway := startDemoSite(t, splitWrites(t, victoria, influx))
	prometheus := promStore{url: startPrometheusWithPast(t, gateway)}
	writePast(t, gateway, influx)
	repairATicket(t, gateway)
	boards := readDashboards(t)
	stores := map[string]store{
		"prometheus":      prometheus,
		"victoriametrics": promStore{url: victoria},
		"influxdb":        influxStore{url: influx},
	}
	var open []question
	for _, name := range slices.Sorted(maps.Keys(boards)) {
		source, file := strings.Split(name, "/")[0], filepath.Base(name)
		b, s := boards[name], stores[source]
		vars := b.fill(t, s, gateway)
		for _, p := range b.Panels {
			for _, q := range p.Targets {
				open = append(open, question{name + ": " + p.Title, s, expand(q.Expr+q.Query, vars), q.Instant, quietHere[file+" "+p.Title]})
			}
		}
		for _, a := range b.Annotations.List {
			open = append(open, question{name + ": " + a.Name, s, expand(a.Expr, vars), false, true})
		}
	}
	askUntilAnswered(t, open)
}

// question is one query of a panel with its variables filled.
type question struct {
	panel    string
	store    store
	text     string
	instant  bool
	mayEmpty bool
}

// askUntilAnswered asks all questions again and again until each has found
// something: the last fault of the demo takes two minutes to become an alert.
func askUntilAnswered(t *testing.T, open []question) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	all := len(open)
	for {
		open = slices.DeleteFunc(open, func(q question) bool {
			found, err := q.store.ask(q.text, q.instant)
			if err != nil {
				t.Fatalf("%s: %v\n%s", q.panel, err, q.text)
			}
			return found > 0 || q.mayEmpty
		})
		if len(open) == 0 {
			t.Logf("%d queries have found data", all)
			return
		}
		select {
		case <-time.After(2 * time.Second):
		case <-ctx.Done():
			for _, q := range open {
				t.Errorf("%s finds nothing: %s", q.panel, q.text)
			}
			return
		}
	}
}

// dashboardFile is what the test asks of a dashboard.
type dashboardFile struct {
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr    string `json:"expr"`
			Query   string `json:"query"`
			Instant bool   `json:"instant"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name       string `json:"name"`
			Type       string `json:"type"`
			Definition string `json:"definition"`
			AllValue   string `json:"allValue"`
			Multi      bool   `json:"multi"`
		} `json:"list"`
	} `json:"templating"`
	Annotations struct {
		List []struct {
			Name string `json:"name"`
			Expr string `json:"expr"`
		} `json:"list"`
	} `json:"annotations"`
}

func readDashboards(t *testing.T) map[string]dashboardFile {
	t.Helper()
	boards := make(map[string]dashboardFile)
	err := fs.WalkDir(os.DirFS(dashboardFiles), ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".json" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dashboardFiles, name))
		if err != nil {
			return err
		}
		var b dashboardFile
		boards[name], err = b, json.Unmarshal(text, &b)
		boards[name] = b
		return err
	})
	if err != nil || len(boards) == 0 {
		t.Fatalf("%d dashboards: %v", len(boards), err)
	}
	return boards
}

// store is a database that dashboards ask.
type store interface {
	labels(t *testing.T, question string) []string
	ask(question string, instant bool) (found int, err error)
}

// fill chooses everything of every variable, as Grafana does when a dashboard
// is opened for the first time. Of one facility it chooses the pump that trips.
func (b dashboardFile) fill(t *testing.T, s store, gateway string) map[string]string {
	t.Helper()
	now := time.Now().UnixMilli()
	vars := map[string]string{
		"gateway": gateway, "__rate_interval": "15s", "__interval": "5s", "__range": "600s",
		"timeFilter": fmt.Sprintf("time >= %dms and time <= %dms", now-3*3_600_000, now+3_600_000),
	}
	for _, v := range b.Templating.List {
		if v.Type != "query" || v.Name == "gateway" && s.labels(t, v.Definition)[0] == gateway {
			continue
		}
		var values []string
		waitFor(t, "values of $"+v.Name+": "+expand(v.Definition, vars), func() bool {
			values = s.labels(t, expand(v.Definition, vars))
			return len(values) > 0
		})
		switch {
		case v.AllValue != "":
			vars[v.Name] = v.AllValue
		case v.Multi:
			vars[v.Name] = "(" + strings.Join(values, "|") + ")"
		case slices.Contains(values, "pump-2"):
			vars[v.Name] = "pump-2"
		default:
			t.Fatalf("$%s has the values %q", v.Name, values)
		}
	}
	return vars
}

var variable = regexp.MustCompile(`\$\{?(\w+)\}?`)

// expand puts the variables into a question; $tag_facility and the like are no
// variables.
func expand(question string, vars map[string]string) string {
	return variable.ReplaceAllStringFunc(question, func(v string) string {
		if value, ok := vars[strings.Trim(v, "${}")]; ok {
			return value
		}
		return v
	})
}

// promStore answers PromQL.
type promStore struct{ url string }

var labelValues = regexp.MustCompile(`^label_values\((.*), (\w+)\)$`)

func (p promStore) labels(t *testing.T, question string) []string {
	t.Helper()
	m := labelValues.FindStringSubmatch(question)
	if m == nil {
		t.Fatalf("%q is no question after labels", question)
	}
	var answer struct{ Data []string }
	if err := getJSON(p.url+"/api/v1/label/"+m[2]+"/values?match[]="+url.QueryEscape(m[1]), nil, &answer); err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	return slices.DeleteFunc(answer.Data, func(v string) bool { return v == "" })
}

// ask returns how many finite numbers the answer holds.
func (p promStore) ask(question string, instant bool) (found int, err error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value  [2]any   `json:"value"`
				Values [][2]any `json:"values"`
			} `json:"result"`
		} `json:"data"`
	}
	form, path := url.Values{"query": {question}}, "/api/v1/query"
	if !instant {
		now := time.Now().Unix()
		path = "/api/v1/query_range"
		form.Set("start", fmt.Sprint(now-300))
		form.Set("end", fmt.Sprint(now))
		form.Set("step", "5")
	}
	if err := getJSON(p.url+path, form, &answer); err != nil {
		return 0, err
	}
	for _, series := range answer.Data.Result {
		for _, v := range append(series.Values, series.Value) {
			if text, _ := v[1].(string); text != "" && text != "NaN" && !strings.HasSuffix(text, "Inf") {
				found++
			}
		}
	}
	return found, nil
}

// influxStore answers InfluxQL.
type influxStore struct{ url string }

type influxAnswer struct {
	Results []struct {
		Error  string
		Series []struct{ Values [][]any }
	}
}

func (i influxStore) query(question string) (a influxAnswer, err error) {
	err = getJSON(i.url+"/query", url.Values{"db": {"building"}, "q": {question}}, &a)
	for _, r := range a.Results {
		if r.Error != "" {
			err = fmt.Errorf("InfluxDB: %s", r.Error)
		}
	}
	return a, err
}

func (i influxStore) labels(t *testing.T, question string) (values []string) {
	t.Helper()
	a, err := i.query(question)
	if err != nil {
		t.Fatalf("%s: %v", question, err)
	}
	for _, r := range a.Results {
		for _, s := range r.Series {
			for _, v := range s.Values {
				values = append(values, fmt.Sprint(v[1]))
			}
		}
	}
	slices.Sort(values)
	return slices.Compact(values)
}

func (i influxStore) ask(question string, _ bool) (found int, err error) {
	a, err := i.query(question)
	for _, r := range a.Results {
		for _, s := range r.Series {
			found += len(s.Values)
		}
	}
	return found, err
}

// getJSON asks and decodes; a form is sent as a POST.
func getJSON(address string, form url.Values, into any) error {
	var resp *http.Response
	var err error
	if form == nil {
		resp, err = http.Get(address)
	} else {
		resp, err = http.PostForm(address, form)
	}
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s %w", resp.Status, body, err)
	}
	return json.Unmarshal(body, into)
}

// startInfluxDB runs the InfluxDB of Debian, which answers InfluxQL as later
// ones do and knows only the older way to write.
func startInfluxDB(t *testing.T) (url string) {
	t.Helper()
	path := need(t, "influxd", "influxdb")
	dir, addr := t.TempDir(), fmt.Sprintf("127.0.0.1:%d", freePort(t))
	write(t, filepath.Join(dir, "influxdb.conf"), fmt.Sprintf(`reporting-disabled = true
bind-address = "127.0.0.1:%d"
[meta]
dir = %q
[data]
dir = %q
wal-dir = %q
query-log-enabled = false
[http]
bind-address = %q
log-enabled = false
[monitor]
store-enabled = false
`, freePort(t), dir+"/meta", dir+"/data", dir+"/wal", addr))
	start(t, path, "-config", filepath.Join(dir, "influxdb.conf"))
	store := influxStore{"http://" + addr}
	waitFor(t, "InfluxDB", func() bool { _, err := store.query("CREATE DATABASE building"); return err == nil })
	return store.url
}

// splitWrites takes the gateway's writes for InfluxDB 2 and passes them on to
// both: VictoriaMetrics understands them as they are, Debian's InfluxDB the same
// lines at its older address.
func splitWrites(t *testing.T, victoria, influx string) (address string) {
	t.Helper()
	both := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		for _, to := range []string{victoria + r.URL.String(), influx + "/write?db=building&precision=" + r.URL.Query().Get("precision")} {
			pass, err := http.NewRequestWithContext(r.Context(), http.MethodPost, to, bytes.NewReader(body))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			pass.Header.Set("Content-Encoding", r.Header.Get("Content-Encoding"))
			resp, err := http.DefaultClient.Do(pass)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
			resp.Body.Close()
			if resp.StatusCode >= 300 {
				http.Error(w, to, resp.StatusCode)
				return
			}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(both.Close)
	return both.URL
}

// startDemoSite runs the building of `intact demo` and a gateway that also
// writes its samples to influx and tells a receiver of alerts. It returns the
// address of its page.
func startDemoSite(t *testing.T, influx string) (address string) {
	t.Helper()
	var plan simulators.Plan
	if err := configs.Decode(configs.Shipped(), "simulations/demo.yaml", &plan); err != nil {
		t.Fatal(err)
	}
	profiles, err := configs.Profiles()
	if err != nil {
		t.Fatal(err)
	}
	building, err := simulators.New(plan, profiles, simulators.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		_ = building.Run(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })

	desk := newDesk(t)
	site, err := fs.ReadFile(configs.Shipped(), "sites/demo.yaml")
	if err != nil {
		t.Fatal(err)
	}
	site = fmt.Appendf(site, "\ninflux: {url: %q, bucket: building}\nnotify: {receivers: [{id: desk, webhook: {url: %q}}]}\n", influx, desk.server.URL)
	addrs := building.Addrs()
	addrs["mqtt"] = addrs["mq"]
	c, err := configs.Load(fstest.MapFS{"site.yaml": {Data: site}}, "site.yaml", configs.Options{Env: func(name string) (string, bool) {
		addr, ok := addrs[strings.ToLower(strings.TrimPrefix(name, "SIM_"))]
		return addr, ok
	}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(app.Options{
		Config: c, Data: t.TempDir(), Listen: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(context.Background()); err != nil {
			t.Log(err)
		}
	})
	return a.Addr()
}

// repairATicket takes the first ordinary ticket of the site through all its
// states, so that there is something to count.
func repairATicket(t *testing.T, gateway string) {
	t.Helper()
	var id float64
	waitFor(t, "a ticket for the pump that trips", func() bool {
		var answer struct {
			Items []struct {
				ID       float64
				Facility string
			}
		}
		if err := getJSON("http://"+gateway+"/api/v1/tickets?state=all", nil, &answer); err != nil {
			t.Fatal(err)
		}
		for _, ticket := range answer.Items {
			if ticket.Facility == "pump-2" {
				id = ticket.ID
			}
		}
		return id > 0
	})
	for _, event := range []string{"accept", "arrive", "start", "done", "verify"} {
		address := fmt.Sprintf("http://%s/api/v1/tickets/%v/%s", gateway, id, event)
		resp, err := http.Post(address, "application/json", strings.NewReader(`{"by":"值班员","note":"ok","cause":"过载","action":"复位","force":true}`))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %s", event, resp.Status, body)
		}
	}
}

// startPrometheusWithPast scrapes the gateway every second into a database that
// already holds nine days of its electric meters, so that last week can be
// compared with.
func startPrometheusWithPast(t *testing.T, gateway string) (url string) {
	t.Helper()
	energy := regexp.MustCompile(`(?m)^(intact_point_value\{[^}]*unit="kWh")\} (\S+)$`)
	var meters [][]string
	waitFor(t, "readings of the electric meters", func() bool {
		meters = energy.FindAllStringSubmatch(get("http://"+gateway+"/metrics"), -1)
		return len(meters) >= 15
	})
	dir, now := t.TempDir(), time.Now().Add(-3*time.Hour).Truncate(time.Hour)
	var past strings.Builder
	past.WriteString("# TYPE intact_point_value gauge\n")
	for _, m := range meters {
		for hours := 9 * 24; hours >= 0; hours-- {
			value, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&past, "%s,instance=%q,job=\"intact\"} %g %d\n", m[1], gateway, value-float64(hours), now.Add(-time.Duration(hours)*time.Hour).Unix())
		}
	}
	past.WriteString("# EOF\n")
	write(t, filepath.Join(dir, "past.txt"), past.String())
	blocks := exec.Command(need(t, "promtool", "prometheus"), "tsdb", "create-blocks-from", "openmetrics", filepath.Join(dir, "past.txt"), filepath.Join(dir, "data"))
	if out, err := blocks.CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(
		"scrape_configs:\n- job_name: intact\n  scrape_interval: 1s\n  static_configs:\n  - targets: [%q]\n", gateway))
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	start(t, need(t, "prometheus", "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	s := promStore{"http://" + addr}
	waitFor(t, "Prometheus to scrape the gateway", func() bool { n, _ := s.ask("intact_build_info", true); return n > 0 })
	return s.url
}

// writePast gives InfluxDB the counters of two hours ago: what it says of an
// hour is by how much the hour before was exceeded.
func writePast(t *testing.T, gateway, influx string) {
	t.Helper()
	var facilities struct {
		Items []struct{ ID, Class, Building string }
	}
	var points struct {
		Items []struct {
			Facility, Name, Kind string
			Value                *float64
		}
	}
	if err := getJSON("http://"+gateway+"/api/v1/facilities?limit=1000", nil, &facilities); err != nil {
		t.Fatal(err)
	}
	if err := getJSON("http://"+gateway+"/api/v1/points?limit=1000", nil, &points); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, f := range facilities.Items {
		for _, p := range points.Items {
			if p.Facility == f.ID && p.Kind == "counter" && p.Value != nil {
				fmt.Fprintf(&lines, "%s,building=%s,facility=%s,point=%s value=%g %d\n", f.Class, f.Building, f.ID, p.Name, *p.Value, time.Now().Add(-2*time.Hour).UnixMilli())
			}
		}
	}
	resp, err := http.Post(influx+"/write?db=building&precision=ms", "text/plain", strings.NewReader(lines.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("InfluxDB answered %s to\n%s", resp.Status, &lines)
	}
}
