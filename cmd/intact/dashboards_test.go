package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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
	"power.json Alerts now": true, "power.json 当前报警": true,
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
	checkRules(t, prometheus)
}

// checkRules asks Prometheus how it fares with the rules that ship, and whether
// every metric they name is one that the gateway has.
func checkRules(t *testing.T, prometheus promStore) {
	t.Helper()
	var rules struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Query, Health, LastError string }
			}
		}
	}
	if err := getJSON(prometheus.url+"/api/v1/rules", nil, &rules); err != nil {
		t.Fatal(err)
	}
	have := prometheus.labels(t, `label_values({__name__=~"intact_.+"}, __name__)`)
	checked := 0
	for _, g := range rules.Data.Groups {
		for _, r := range g.Rules {
			checked++
			if r.Health == "err" {
				t.Errorf("rule %s: %s", r.Name, r.LastError)
			}
			for _, m := range regexp.MustCompile(`(?:^|[^:\w])(intact_\w+)\b`).FindAllStringSubmatch(r.Query, -1) {
				if !slices.Contains(have, m[1]) {
					t.Errorf("rule %s asks for %s, which the gateway has not", r.Name, m[1])
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d rules, want those of configs/prometheus", checked)
	}
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
