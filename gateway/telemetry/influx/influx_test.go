package influx_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

func testSite(t testing.TB) *gateway.Site {
	t.Helper()
	site, err := gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "meter-main", Class: gateway.ElectricMeter, Building: "B1", Points: []gateway.Point{{Name: "v_l1"}, {Name: "kwh"}}},
		{ID: "lift-1", Class: gateway.Elevator, Building: `1号楼, a=b\`, Points: []gateway.Point{{Name: "fault.code"}}},
		{ID: "pump-1", Class: gateway.Pump, Points: []gateway.Point{{Name: "run"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// The points of the test site.
const (
	volts gateway.PointRef = iota
	energy
	liftFault
	pumpRun
)

// writer runs a Writer against a server until it is stopped.
type writer struct {
	*influx.Writer
	stop func()
	mu   sync.Mutex
	log  strings.Builder
}

func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(p)
}

func (w *writer) logged(text string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), text)
}

func start(t *testing.T, change func(*influx.Config), dial func(context.Context, string, string) (net.Conn, error)) *writer {
	t.Helper()
	return startIn(t, "", change, dial)
}

// startIn starts a writer with a spool.
func startIn(t *testing.T, dir string, change func(*influx.Config), dial func(context.Context, string, string) (net.Conn, error)) *writer {
	t.Helper()
	c := influx.Config{URL: "http://influx:8086", Org: "lakeside", Bucket: "a b", Token: "good"}
	if change != nil {
		change(&c)
	}
	return runWriter(t, c, testSite(t), influx.Options{Dial: dial, Dir: dir})
}

func runWriter(t *testing.T, c influx.Config, site *gateway.Site, o influx.Options) *writer {
	t.Helper()
	w := &writer{}
	o.Log = slog.New(slog.NewTextHandler(w, nil))
	var err error
	w.Writer, err = influx.New(c, site, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
	w.stop = func() { cancel(); running.Wait() }
	t.Cleanup(w.stop)
	return w
}

// numbered returns n samples of ref from number first on, each with its own
// value and time.
func numbered(ref gateway.PointRef, first, n int) []gateway.Sample {
	samples := make([]gateway.Sample, n)
	for i := range samples {
		samples[i] = gateway.Sample{Point: ref, Quality: gateway.Good, Value: float64(first + i), At: gateway.Instant(1_000_000 + first + i)}
	}
	return samples
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestWrittenAsLineProtocol(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.token = "good"
		w := start(t, nil, s.listener.Dial)
		w.Export([]gateway.Sample{
			{Point: volts, Quality: gateway.Good, Value: 230.1, At: 1773108720123},
			{Point: energy, Quality: gateway.Good, Value: 1e6, At: 1773108720124},
			{Point: energy, Quality: gateway.Good, Value: -1.5e300, At: 1773108720125},
			{Point: energy, Quality: gateway.Good, Value: 0, At: 1773108720126},
			{Point: liftFault, Quality: gateway.Uncertain, Value: 4, At: 1773108720127},
			{Point: pumpRun, Quality: gateway.Good, Value: 1, At: 1773108720128},
			// None of these may be written.
			{Point: volts, Quality: gateway.BadTimeout, Value: 7, At: 1773108720999},
			{Point: volts, Quality: gateway.NotSeen, Value: 7, At: 1773108720999},
			{Point: volts, Quality: gateway.Good, Value: math.NaN(), At: 1773108720999},
			{Point: volts, Quality: gateway.Good, Value: math.Inf(-1), At: 1773108720999},
			{Point: volts, Quality: gateway.Good, Value: 7},
		})
		pass(1100 * time.Millisecond)
		want := map[string]float64{
			`electric_meter,building=B1,facility=meter-main,point=v_l1,site=lakeside 1773108720123`:       230.1,
			`electric_meter,building=B1,facility=meter-main,point=kwh,site=lakeside 1773108720124`:        1e6,
			`electric_meter,building=B1,facility=meter-main,point=kwh,site=lakeside 1773108720125`:        -1.5e300,
			`electric_meter,building=B1,facility=meter-main,point=kwh,site=lakeside 1773108720126`:        0,
			`elevator,building=1号楼\,\ a\=b/,facility=lift-1,point=fault.code,site=lakeside 1773108720127`: 4,
			`pump,facility=pump-1,point=run,site=lakeside 1773108720128`:                                  1,
		}
		if diff := cmp.Diff(want, s.stored()); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(influx.Stats{Written: 6}, w.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestFlushesEverySecondOrWhenABatchIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		w := start(t, nil, s.listener.Dial)
		pass(100 * time.Millisecond)
		w.Export(numbered(volts, 0, 4999))
		pass(100 * time.Millisecond)
		if got := s.requests(); len(got) != 0 {
			t.Errorf("requests of %v samples before the second was over", got)
		}
		w.Export(numbered(volts, 4999, 7001))
		pass(100 * time.Millisecond)
		if diff := cmp.Diff([]int{5000, 5000, 2000}, s.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		pass(time.Minute)
		if got := len(s.requests()); got != 3 {
			t.Errorf("%d requests though nothing came, want 3", got)
		}
		if got := len(s.stored()); got != 12_000 {
			t.Errorf("%d samples stored, want 12000", got)
		}
	})
}

func TestASteadyStreamMakesTwoRequestsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.delay = 5 * time.Millisecond
		w := start(t, nil, s.listener.Dial)
		for i := range 1000 {
			w.Export(numbered(volts, i*10, 10))
			pass(10 * time.Millisecond)
		}
		if got := len(s.requests()); got > 20 {
			t.Errorf("%d requests in 10 s", got)
		}
	})
}

func TestAnswersOfTheServer(t *testing.T) {
	invalid := `{"code":"invalid","message":"partial write: field type conflict dropped=3"}`
	tests := []struct {
		name    string
		answers []answer
		after   time.Duration // when the 100 samples must be settled, not earlier than half of it
		stored  int
		stats   influx.Stats
		tries   int
	}{
		{"204 is written", nil, 2 * time.Second, 100, influx.Stats{Written: 100}, 1},
		{"400 to all that is sent is given up", slices.Repeat([]answer{{status: 400}}, 200), 2 * time.Second, 0, influx.Stats{Rejected: 100}, 76},
		{"400 partial counts what was refused", []answer{{status: 400, body: invalid, keep: true}}, 2 * time.Second, 100,
			influx.Stats{Written: 97, Rejected: 3}, 1},
		{"422 partial is never tried again", []answer{{status: 422, body: invalid, keep: true}}, 2 * time.Second, 100,
			influx.Stats{Written: 97, Rejected: 3}, 1},
		{"401 is kept and tried again", []answer{{status: 401}, {status: 401}}, 80 * time.Second, 100, influx.Stats{Written: 100}, 3},
		{"403 is kept and tried again", []answer{{status: 403}}, 40 * time.Second, 100, influx.Stats{Written: 100}, 2},
		{"a missing bucket is waited for", []answer{{status: 404}}, 40 * time.Second, 100, influx.Stats{Written: 100}, 2},
		{"429 is given the pause it asks for", []answer{{status: 429, retryAfter: "60"}}, 65 * time.Second, 100, influx.Stats{Written: 100}, 2},
		{"503 is given the pause it asks for", []answer{{status: 503, retryAfter: "120"}}, 125 * time.Second, 100, influx.Stats{Written: 100}, 2},
		{"an absurd pause is not given", []answer{{status: 503, retryAfter: "4000000000"}}, 11 * time.Minute, 100, influx.Stats{Written: 100}, 2},
		{"503 without a word is tried again", []answer{{status: 503}}, 2400 * time.Millisecond, 100, influx.Stats{Written: 100}, 2},
		{"500 backs off", slices.Repeat([]answer{{status: 500}}, 6), 90 * time.Second, 100, influx.Stats{Written: 100}, 7},
		{"a server that hangs is given up on", []answer{{hang: true}}, 21600 * time.Millisecond, 100, influx.Stats{Written: 100}, 2},
		{"an answer that gets lost writes nothing twice", []answer{{status: 204, cut: true}}, 2400 * time.Millisecond, 100, influx.Stats{Written: 100}, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				s.answers = tt.answers
				w := start(t, nil, s.listener.Dial)
				w.Export(numbered(volts, 0, 100))
				pass(tt.after / 2)
				if got := w.Stats(); len(tt.answers) > 0 && tt.stats.Rejected == 0 && (got.Buffered != 100 || got.LastError == "") {
					t.Errorf("stats after %s: %+v, want all 100 kept and an error", tt.after/2, got)
				}
				pass(tt.after - tt.after/2)
				got := w.Stats()
				if tt.stats.Rejected > 0 && got.LastError == "" {
					t.Error("samples were refused and the last error is empty")
				} else if tt.stats.Rejected > 0 {
					got.LastError = ""
				}
				if diff := cmp.Diff(tt.stats, got); diff != "" {
					t.Errorf("stats after %s (-want +got):\n%s", tt.after, diff)
				}
				if n := len(s.stored()); n != tt.stored {
					t.Errorf("%d samples stored, want %d", n, tt.stored)
				}
				if n := len(s.requests()); n != tt.tries {
					t.Errorf("%d requests, want %d", n, tt.tries)
				}
				s.set(func(s *server) { s.answers = nil })
				w.Export(numbered(energy, 0, 1))
				pass(2 * time.Second)
				if got := w.Stats().LastError; got != "" {
					t.Errorf("error %q after a batch was written", got)
				}
			})
		})
	}
}

func TestABatchTooLargeIsHalvedUntilItFits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.maxLines = 700
		w := start(t, nil, s.listener.Dial)
		w.Export(numbered(volts, 0, 20_000))
		pass(2 * time.Second)
		if got := len(s.stored()); got != 20_000 {
			t.Errorf("%d samples stored, want 20000", got)
		}
		if got := len(s.requests()); got > 60 {
			t.Errorf("%d requests for 20000 samples at 700 a request", got)
		}
		s.set(func(s *server) { s.maxLines, s.always = 0, &answer{status: 413} })
		w.Export(numbered(energy, 0, 3))
		pass(2 * time.Second)
		if got := w.Stats(); got.Rejected != 3 || got.Buffered != 0 || got.LastError == "" {
			t.Errorf("stats %+v, want the 3 samples given up one by one", got)
		}
	})
}

func TestABadLineCostsItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.bad = " 1002345\n"
		dir := t.TempDir()
		w := startIn(t, dir, nil, s.listener.Dial)
		w.Export(numbered(volts, 0, 5000))
		pass(2 * time.Second)
		if got := w.Stats(); got.Written != 4999 || got.Rejected != 1 || got.Buffered != 0 {
			t.Errorf("stats %+v, want all but one written", got)
		}
		if got := len(s.stored()); got != 4999 {
			t.Errorf("%d samples stored, want 4999", got)
		}
		if got := len(s.requests()); got > 16 {
			t.Errorf("%d requests to find one line of 5000", got)
		}
		text, err := os.ReadFile(filepath.Join(dir, "refused.lp"))
		if err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), s.bad) || !strings.Contains(string(text), "unable to parse") {
			t.Errorf("put aside: %q (%v)", text, err)
		}
	})
}

func TestANewTokenIsReadWhenTheOldOneIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.token = "new"
		w := start(t, func(c *influx.Config) { c.Token, c.TokenFile = "", file }, s.listener.Dial)
		w.Export(numbered(volts, 0, 10))
		pass(3 * time.Minute)
		if got := w.Stats(); got.Buffered != 10 || got.LastError == "" {
			t.Errorf("stats %+v, want all kept", got)
		}
		if got := w.logged("level=WARN"); got != 1 {
			t.Errorf("%d warnings in 3 minutes, want one", got)
		}
		write("new")
		pass(80 * time.Second)
		if got := w.Stats(); got.Written != 10 || got.LastError != "" {
			t.Errorf("stats %+v, want all written with the new token", got)
		}
		if w.logged("old")+w.logged("new\"") != 0 {
			t.Error("a token is in the log")
		}
	})
}

func TestAnOutageCostsTheOldestAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var up bool
		var mu sync.Mutex
		s := newServer(t)
		w := start(t, func(c *influx.Config) { c.Buffer = 20_000 }, func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if !up {
				return nil, errors.New("connection refused")
			}
			return s.listener.Dial(ctx, network, addr)
		})
		begin := time.Now()
		for i := range 60 {
			w.Export(numbered(volts, i*1000, 1000))
			pass(time.Minute)
		}
		if took := time.Since(begin); took != time.Hour {
			t.Errorf("Export blocked: an hour took %s", took)
		}
		got := w.Stats()
		if got.Buffered > 25_000 || got.Buffered < 20_000 || uint64(got.Buffered)+got.Dropped != 60_000 {
			t.Errorf("stats %+v, want 20000 to 25000 kept and all accounted for", got)
		}
		if n := w.logged("level=WARN"); n != 1 {
			t.Errorf("%d warnings in an hour, want one", n)
		}
		mu.Lock()
		up = true
		mu.Unlock()
		pass(75 * time.Second)
		after := w.Stats()
		if after.Written+after.Dropped != 60_000 || after.Buffered != 0 || after.LastError != "" {
			t.Errorf("stats %+v, want everything kept to be written", after)
		}
		stored := s.stored()
		for i := 40_000; i < 60_000; i++ {
			if _, ok := stored[fmt.Sprintf("electric_meter,building=B1,facility=meter-main,point=v_l1,site=lakeside %d", 1_000_000+i)]; !ok {
				t.Fatalf("sample %d of the newest 20000 is missing", i)
			}
		}
		const gap = "intact_gap,reason=buffer_full,site=lakeside 1001000 "
		if stored[gap+"samples"] != float64(after.Dropped) || stored[gap+"until"] != 1_039_999 {
			t.Errorf("no mark of a gap of %d samples", after.Dropped)
		}
		delete(stored, gap+"samples")
		delete(stored, gap+"until")
		if s.rewrites != 0 || uint64(len(stored)) != after.Written {
			t.Errorf("%d samples stored and %d twice, want %d once", len(stored), s.rewrites, after.Written)
		}
	})
}

func TestTheEndFlushesOnceWithinThreeSeconds(t *testing.T) {
	tests := []struct {
		name    string
		answers []answer
		within  time.Duration
		stored  int
	}{
		{"a server that answers gets all", nil, 0, 6000},
		{"a server that hangs is left", []answer{{hang: true}}, 3 * time.Second, 0},
		{"a server that refuses is left", []answer{{status: 503}}, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				w := start(t, nil, s.listener.Dial)
				pass(1500 * time.Millisecond)
				s.set(func(s *server) { s.answers = tt.answers })
				w.Export(numbered(volts, 0, 3000))
				w.Export(numbered(energy, 0, 1999))
				w.Export(numbered(pumpRun, 0, 0))
				begin := time.Now()
				if tt.stored > 0 {
					w.Export(numbered(liftFault, 0, 1001))
				}
				w.stop()
				if took := time.Since(begin); took != tt.within {
					t.Errorf("the end took %s, want %s", took, tt.within)
				}
				if got := len(s.stored()); got != tt.stored {
					t.Errorf("%d samples stored, want %d", got, tt.stored)
				}
				if lost := w.logged("samples lost"); (lost == 1) != (tt.stored == 0) {
					t.Errorf("%d log lines about lost samples", lost)
				}
			})
		})
	}
}

func TestTheEndInterruptsAPauseAndARequest(t *testing.T) {
	for name, first := range map[string]answer{
		"a pause": {status: 503, retryAfter: "500"}, "a request": {hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				s.answers = []answer{first}
				w := start(t, nil, s.listener.Dial)
				w.Export(numbered(volts, 0, 10))
				pass(3 * time.Second)
				begin := time.Now()
				w.stop()
				if took := time.Since(begin); took > 0 {
					t.Errorf("the end took %s", took)
				}
				if got := len(s.stored()); got != 10 {
					t.Errorf("%d of 10 samples stored by the last attempt", got)
				}
			})
		})
	}
}

func TestConfigValidate(t *testing.T) {
	good := influx.Config{URL: "http://127.0.0.1:8086", Bucket: "b", TokenFile: "/etc/intact/influx"}
	tests := []struct {
		name   string
		change func(*influx.Config)
		want   []string
	}{
		{"a good one", func(*influx.Config) {}, nil},
		{"no token is for servers that want none", func(c *influx.Config) { c.TokenFile = "" }, nil},
		{"no address", func(c *influx.Config) { c.URL = "" }, []string{"url"}},
		{"an address without scheme", func(c *influx.Config) { c.URL = "127.0.0.1:8086" }, []string{"url"}},
		{"another scheme", func(c *influx.Config) { c.URL = "udp://h:1" }, []string{"url"}},
		{"a password in the address", func(c *influx.Config) { c.URL = "http://u:p@h" }, []string{"url"}},
		{"no bucket", func(c *influx.Config) { c.Bucket = "" }, []string{"bucket"}},
		{"two tokens and a tiny buffer", func(c *influx.Config) { c.Token, c.Buffer = "x", 10 }, []string{"token", "buffer"}},
		{"a negative buffer", func(c *influx.Config) { c.Buffer = -1 }, []string{"buffer"}},
		{"a negative spool", func(c *influx.Config) { c.SpoolMiB = -1 }, []string{"spool_mib"}},
		{"a spool larger than any disk", func(c *influx.Config) { c.SpoolMiB = 1 << 30 }, []string{"spool_mib"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := good
			tt.change(&c)
			var got []string
			c.Validate(func(path, problem, hint string) { got = append(got, path) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("mistakes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewNeedsItsToken(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, filepath.Join(t.TempDir(), "missing")} {
		c := influx.Config{URL: "http://h", Bucket: "b", TokenFile: file}
		if _, err := influx.New(c, testSite(t), influx.Options{}); err == nil {
			t.Errorf("token file %s was taken", file)
		}
	}
}

// TestWhatStandsStillIsNotWritten counts what a deadband leaves out.
func TestWhatStandsStillIsNotWritten(t *testing.T) {
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "m", Class: gateway.ElectricMeter, Points: []gateway.Point{{Name: "volts", Deadband: 1}, {Name: "amps"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w, err := influx.New(influx.Config{URL: "http://127.0.0.1:1", Org: "o", Bucket: "b"}, site, influx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		at := gateway.Instant(1_000_000).Add(time.Duration(i) * time.Second)
		w.Export([]gateway.Sample{
			{Point: 0, Quality: gateway.Good, Value: 230 + float64(i)/4, At: at},
			{Point: 1, Quality: gateway.Good, Value: 5, At: at},
		})
	}
	for i := range 5 { // what has no value is never written, and so not left out either
		w.Export([]gateway.Sample{{Point: 0, Quality: gateway.BadTimeout, At: gateway.Instant(1_020_000).Add(time.Duration(i) * time.Second)}})
	}
	if s := w.Stats(); s.Buffered != 12 || s.Thinned != 8 {
		t.Errorf("%d samples wait and %d are left out, want 12 and 8", s.Buffered, s.Thinned)
	}
}
