package influx_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// victoria runs a real victoria-metrics on a free loopback port and returns its
// address.
func victoria(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("victoria-metrics")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("victoria-metrics is missing: %v", err)
		}
		t.Skip("victoria-metrics is missing: apt-get install victoria-metrics")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "-httpListenAddr="+address, "-storageDataPath="+t.TempDir(), "-retentionPeriod=100y")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for ready := false; !ready; {
		if !lines.Scan() {
			t.Fatalf("victoria-metrics ended before it listened: %v", cmd.Wait())
		}
		ready = strings.Contains(lines.Text(), "started VictoriaMetrics")
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() {
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-drained
		cmd.Wait()
	})
	return "http://" + address
}

// exported reads back what the server stored of a measurement.
func exported(t *testing.T, server, name string) (labels map[string]string, values map[int64]float64) {
	t.Helper()
	query := server + "/api/v1/export?" + url.Values{"match[]": {name}, "reduce_mem_usage": {"1"}}.Encode()
	answer, err := http.Get(query)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	values = make(map[int64]float64)
	for decoder := json.NewDecoder(answer.Body); decoder.More(); {
		var series struct {
			Metric     map[string]string `json:"metric"`
			Values     []float64         `json:"values"`
			Timestamps []int64           `json:"timestamps"`
		}
		if err := decoder.Decode(&series); err != nil {
			t.Fatal(err)
		}
		labels = series.Metric
		for i, at := range series.Timestamps {
			values[at] = series.Values[i]
		}
	}
	return labels, values
}

func TestVictoriaMetricsStoresWhatIsWritten(t *testing.T) {
	server := victoria(t)
	w, err := influx.New(influx.Config{URL: server, Bucket: "b"}, testSite(t), influx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := gateway.InstantOf(time.Now().Add(-time.Hour))
	const n = 12_000
	samples := make([]gateway.Sample, n)
	for i := range samples {
		samples[i] = gateway.Sample{Point: volts, Quality: gateway.Good, Value: 220 + float64(i)/8, At: now + gateway.Instant(i)}
	}
	w.Export(samples)
	w.Export([]gateway.Sample{
		{Point: liftFault, Quality: gateway.Good, Value: 4, At: now},
		{Point: liftFault, Quality: gateway.BadTimeout, Value: 9, At: now + 1},
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel() // the last flush writes everything
	if err := w.Run(ended); err != nil {
		t.Fatal(err)
	}
	if s := w.Stats(); s.Written != n+1 || s.LastError != "" {
		t.Fatalf("stats %+v, want all written", s)
	}
	if answer, err := http.Get(server + "/internal/force_flush"); err != nil {
		t.Fatal(err)
	} else {
		answer.Body.Close()
	}
	labels, values := exported(t, server, "electric_meter_value")
	if len(values) != n {
		t.Fatalf("%d samples read back, want %d", len(values), n)
	}
	for _, s := range samples {
		if got, ok := values[int64(s.At)]; !ok || got != s.Value {
			t.Fatalf("sample at %s is %v, want %v", s.At, got, s.Value)
		}
	}
	if got := fmt.Sprint(labels["building"], labels["facility"], labels["point"]); got != fmt.Sprint("B1", "meter-main", "v_l1") {
		t.Errorf("labels %v", labels)
	}
	labels, values = exported(t, server, "elevator_value")
	if len(values) != 1 || values[int64(now)] != 4 || labels["building"] != "1号楼, a=b/" {
		t.Errorf("the lift reads back as %v %v", labels, values)
	}
}
