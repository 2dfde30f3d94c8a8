package influx_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// childOf tells a copy of this test binary to be the gateway that is killed:
// the address of the server, the spool, and the number of the first sample.
const childOf = "INTACT_INFLUX_CHILD"

func TestMain(m *testing.M) {
	if args := strings.Fields(os.Getenv(childOf)); len(args) == 3 {
		first, err := strconv.Atoi(args[2])
		if err == nil {
			err = writeUntilKilled(args[0], args[1], first)
		}
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// counted is sample i of a point that counts, a millisecond after the one before.
func counted(i int) gateway.Sample {
	return gateway.Sample{Point: 0, Quality: gateway.Good, Value: float64(i), At: 1_700_000_000_000 + gateway.Instant(i)}
}

func counterSite() (*gateway.Site, error) {
	return gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "m", Class: gateway.ElectricMeter, Points: []gateway.Point{{Name: "count"}}},
	})
}

// writeUntilKilled exports samples without end and says, whenever it has grown, up
// to which number they are written or on disk.
func writeUntilKilled(server, dir string, first int) error {
	site, err := counterSite()
	if err != nil {
		return err
	}
	w, err := influx.New(influx.Config{URL: server, Bucket: "b"}, site, influx.Options{Dir: dir, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	go w.Run(context.Background())
	for next, safe := first, first; ; time.Sleep(2 * time.Millisecond) {
		batch := make([]gateway.Sample, 10)
		for i := range batch {
			batch[i] = counted(next)
			next++
		}
		w.Export(batch)
		if now := next - w.Stats().Buffered; now > safe {
			safe = now
			fmt.Println(safe)
		}
	}
}

// moody stands before a server and treats the requests in every bad way.
type moody struct {
	t       *testing.T
	server  string
	good    atomic.Bool
	mu      sync.Mutex
	treated map[string]int
}

func (m *moody) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client was killed
	}
	moods := []string{"429", "413", "503", "reset", "answer lost", "late", "good", "good", "good", "good"}
	mood := moods[rand.IntN(len(moods))]
	if m.good.Load() {
		mood = "good"
	}
	if mood == "413" && lineCount(body) < 300 {
		mood = "good"
	}
	m.mu.Lock()
	m.treated[mood]++
	m.mu.Unlock()
	switch mood {
	case "429":
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	case "413":
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case "503":
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case "reset":
		panic(http.ErrAbortHandler)
	case "late":
		time.Sleep(600 * time.Millisecond) // longer than a sample may wait for its safety
	}
	forward, err := http.NewRequestWithContext(context.Background(), http.MethodPost, m.server+r.URL.String(), bytes.NewReader(body))
	if err != nil {
		m.t.Error(err)
		return
	}
	forward.Header = r.Header
	answer, err := http.DefaultClient.Do(forward)
	if err != nil {
		m.t.Error(err)
		return
	}
	answer.Body.Close()
	if mood == "answer lost" {
		panic(http.ErrAbortHandler)
	}
	w.WriteHeader(answer.StatusCode)
}

func lineCount(body []byte) int {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return 0
	}
	lines, _ := io.ReadAll(zip)
	return bytes.Count(lines, []byte{'\n'})
}

// runAndKill runs the gateway until it has said n times that more is safe, and
// returns up to which number it was.
func runAndKill(t *testing.T, server, dir string, first, n int) (safe int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", childOf, server, dir, first))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	safe = first
	lines := bufio.NewScanner(out)
	for ; lines.Scan(); n-- {
		if n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		if number, err := strconv.Atoi(lines.Text()); err == nil {
			safe = number
		}
	}
	if err := cmd.Wait(); n > 0 {
		t.Fatalf("the gateway ended by itself: %v", err)
	}
	return safe
}

// TestVictoriaMetricsHasAllThatWasSafe kills the gateway at random while the way to
// a real database fails in every manner, and compares what is stored at the end
// with what was said to be safe, point for point.
func TestVictoriaMetricsHasAllThatWasSafe(t *testing.T) {
	t.Parallel()
	victoria := victoria(t)
	m := &moody{t: t, server: victoria, treated: make(map[string]int)}
	proxy := httptest.NewServer(m)
	t.Cleanup(proxy.Close)
	dir := t.TempDir()
	const rounds, perRound = 6, 1_000_000
	var safe [rounds]int
	for r := range rounds {
		server := proxy.URL
		if r == 0 {
			server = deadAddress(t)
		}
		safe[r] = runAndKill(t, server, dir, r*perRound, 1+rand.IntN(5))
	}
	m.good.Store(true)
	drainInto(t, proxy.URL, dir)
	if answer, err := http.Get(victoria + "/internal/force_flush"); err != nil {
		t.Fatal(err)
	} else {
		answer.Body.Close()
	}
	_, stored := exported(t, victoria, "electric_meter_value")
	total := 0
	for r, end := range safe {
		for i := r * perRound; i < end; i++ {
			total++
			if v, ok := stored[int64(counted(i).At)]; !ok || v != float64(i) {
				t.Fatalf("round %d: sample %d of %d that were safe is %v, stored: %v", r, i-r*perRound, end-r*perRound, v, ok)
			}
		}
	}
	for at, v := range stored {
		if want := counted(int(v)); int64(want.At) != at {
			t.Fatalf("%v is stored at %d: nobody has sent that", v, at)
		}
	}
	if total == 0 {
		t.Error("nothing was ever safe")
	}
	t.Logf("%d samples were safe and %d are stored; requests: %v", total, len(stored), m.treated)
}

func deadAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// drainInto runs a writer until its spool is empty.
func drainInto(t *testing.T, server, dir string) {
	t.Helper()
	site, err := counterSite()
	if err != nil {
		t.Fatal(err)
	}
	w := runWriter(t, influx.Config{URL: server, Bucket: "b"}, site, influx.Options{Dir: dir})
	for w.Stats().Written == 0 || w.Stats().Spool.Samples > 0 {
		if t.Context().Err() != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.stop()
	if got := w.Stats(); got.Dropped+got.Rejected != 0 {
		t.Errorf("stats %+v", got)
	}
}
