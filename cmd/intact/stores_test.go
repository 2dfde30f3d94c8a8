package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// store is a database that dashboards ask.
type store interface {
	labels(t *testing.T, question string) []string
	ask(question string, instant bool) (found int, err error)
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
	rules, err := filepath.Abs("../../configs/prometheus/intact")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(
		"global: {evaluation_interval: 5s}\nrule_files: [%q]\nscrape_configs:\n- job_name: intact\n  scrape_interval: 1s\n  static_configs:\n  - targets: [%q]\n",
		rules+"/*.yml", gateway))
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
