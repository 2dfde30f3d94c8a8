package influx_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// key is where the fake server keeps sample i of a point.
func key(point string, i int) string {
	return fmt.Sprintf("electric_meter,building=B1,facility=meter-main,point=%s,site=lakeside %d", point, 1_000_000+i)
}

// missing returns how many of the samples from..to of the volts the server does
// not have as they were sent.
func missing(s *server, from, to int) (n int) {
	stored := s.stored()
	for i := from; i < to; i++ {
		if v, ok := stored[key("v_l1", i)]; !ok || v != float64(i) {
			n++
		}
	}
	return n
}

// samplesOf returns what the server has but for the marks of gaps.
func samplesOf(s *server) map[string]float64 {
	stored := s.stored()
	maps.DeleteFunc(stored, func(key string, _ float64) bool { return strings.HasPrefix(key, "intact_gap") })
	return stored
}

func busy(status int) *answer { return &answer{status: status} }

func TestEveryFaultEndsWithEverySampleStored(t *testing.T) {
	for name, fault := range map[string]answer{
		"503": {status: 503}, "500": {status: 500}, "429": {status: 429, retryAfter: "7"},
		"401": {status: 401}, "403": {status: 403}, "404": {status: 404},
		"hang": {hang: true}, "reset": {status: 204, cut: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				w := startIn(t, t.TempDir(), nil, s.listener.Dial)
				const perSecond = 20
				for i := range 300 {
					switch i {
					case 30:
						s.set(func(s *server) { s.always = &fault })
					case 150:
						s.set(func(s *server) { s.always = nil })
					}
					w.Export(numbered(volts, i*perSecond, perSecond))
					pass(time.Second)
					if got := w.Stats(); i > 32 && got.Buffered > perSecond {
						t.Fatalf("after %d s %d samples are in memory alone", i, got.Buffered)
					}
				}
				got := w.Stats()
				if got.Written < 300*perSecond-perSecond || got.Spool.Samples != 0 || got.Spool.Bytes > 0 || got.LastError != "" {
					t.Errorf("stats %+v", got)
				}
				if n := missing(s, 0, 299*perSecond); n != 0 {
					t.Errorf("%d samples are missing", n)
				}
			})
		})
	}
}

func TestWhatIsStoredOutlivesTheWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := newServer(t), t.TempDir()
		s.always = busy(503)
		w := startIn(t, dir, nil, s.listener.Dial)
		w.Export(numbered(volts, 0, 3000))
		pass(2 * time.Second)
		w.Export(numbered(volts, 3000, 1000))
		w.stop() // what was not stored yet is stored now
		if got := w.Stats(); got.Buffered != 0 || got.Spool.Samples != 4000 {
			t.Errorf("at the end %+v", got)
		}
		s.set(func(s *server) { s.always = nil })
		startIn(t, dir, nil, s.listener.Dial)
		pass(5 * time.Second)
		if n := missing(s, 0, 4000); n != 0 || s.rewrites != 0 {
			t.Errorf("%d of 4000 samples are missing, %d came twice", n, s.rewrites)
		}
		if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 0 {
			t.Errorf("%d files are left", len(files))
		}
	})
}

// TestLiveSamplesAreNotDelayedByCatchingUp has a server that takes 300 ms for
// every request work off an hour.
func TestLiveSamplesAreNotDelayedByCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.always = busy(503)
		w := startIn(t, t.TempDir(), nil, s.listener.Dial)
		const hour, perSecond = 3600, 20
		for i := range hour {
			w.Export(numbered(volts, i*perSecond, perSecond))
			pass(time.Second)
		}
		s.set(func(s *server) { s.always, s.delay = nil, 300*time.Millisecond })
		for w.Stats().LastError != "" {
			w.Export(numbered(energy, 900_000, 1)) // what is new tries the server
			pass(time.Second)
		}
		begin, live := time.Now(), 0
		for w.Stats().Spool.Samples > 0 {
			w.Export(numbered(energy, live, 1))
			exported := time.Now()
			live++
			pass(time.Second)
			if at, ok := s.arrival(key("kwh", live-1)); !ok || at.Sub(exported) > time.Second {
				t.Fatalf("a new sample came after %s", at.Sub(exported))
			}
		}
		took := time.Since(begin)
		if n := missing(s, 0, hour*perSecond); n != 0 || live < 2 {
			t.Errorf("%d samples are missing; %d new ones came meanwhile", n, live)
		}
		if took > hour*time.Second/20 {
			t.Errorf("an hour took %s to catch up", took)
		}
	})
}

func TestAFullSpoolLeavesAMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.always = busy(503)
		w := startIn(t, t.TempDir(), func(c *influx.Config) { c.SpoolMiB = 1 }, s.listener.Dial)
		const batches, size = 200, 4000
		for i := range batches {
			w.Export(numbered(volts, i*size, size))
			pass(time.Second)
		}
		full := w.Stats()
		if full.Dropped == 0 || full.Spool.Bytes > 1<<20 || int(full.Dropped)+int(full.Spool.Samples)+full.Buffered != batches*size {
			t.Fatalf("stats %+v do not add up to %d", full, batches*size)
		}
		s.set(func(s *server) { s.always = nil })
		pass(2 * time.Minute)
		w.Export(numbered(volts, batches*size, 1))
		pass(2 * time.Minute)
		got := w.Stats()
		if got.Dropped != full.Dropped || int(got.Written+got.Dropped) != batches*size+1 || s.rewrites != 0 && len(samplesOf(s)) != int(got.Written) {
			t.Errorf("stats %+v, and the server has %d", got, len(samplesOf(s)))
		}
		if n := missing(s, int(got.Dropped), batches*size); n != 0 {
			t.Errorf("%d of the newest samples are missing", n)
		}
		const mark = "intact_gap,reason=spool_full,site=lakeside 1000000 "
		stored := s.stored()
		if stored[mark+"samples"] != float64(got.Dropped) || stored[mark+"until"] != float64(1_000_000+got.Dropped-1) {
			t.Errorf("%v samples until %v are marked, %d are lost", stored[mark+"samples"], stored[mark+"until"], got.Dropped)
		}
	})
}

func TestADiskThatCannotBeWrittenIsSaidAndUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, dir := newServer(t), filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the way
			t.Fatal(err)
		}
		s.always = busy(503)
		w := startIn(t, dir, nil, s.listener.Dial)
		for i := range 60 {
			w.Export(numbered(volts, i*10, 10))
			pass(time.Second)
		}
		if got := w.Stats(); got.Buffered != 600 || got.SpoolError == "" || w.logged("spool cannot be written") != 1 {
			t.Errorf("stats %+v, want all in memory and the fault said once", got)
		}
		if err := os.Remove(dir); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if got := w.Stats(); got.Buffered != 0 || got.Spool.Samples != 600 || got.SpoolError != "" {
			t.Errorf("stats %+v, want all on disk", got)
		}
		s.set(func(s *server) { s.always = nil })
		pass(2 * time.Minute)
		if n := missing(s, 0, 600); n != 0 {
			t.Errorf("%d samples are missing", n)
		}
	})
}

// TestASlowLineCarriesEverySampleOnce answers later than a sample may wait for its
// safety: it is stored, and taken off the disk when the answer comes.
func TestASlowLineCarriesEverySampleOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.delay = 700 * time.Millisecond
		w := startIn(t, t.TempDir(), nil, s.listener.Dial)
		for i := range 120 {
			w.Export(numbered(volts, i*10, 10))
			pass(time.Second)
		}
		pass(10 * time.Second)
		if got := w.Stats(); got.Written != 1200 || got.Spool.Samples != 0 {
			t.Errorf("stats %+v, want all written", got)
		}
		if n := missing(s, 0, 1200); n != 0 || s.rewrites != 0 {
			t.Errorf("%d samples are missing, %d came twice", n, s.rewrites)
		}
	})
}

func TestABusyServerSetsThePaceOfCatchingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.always = busy(503)
		w := startIn(t, t.TempDir(), nil, s.listener.Dial)
		for i := range 600 {
			w.Export(numbered(volts, i*10, 10))
			pass(time.Second)
		}
		s.set(func(s *server) { s.always = nil })
		w.Export(numbered(energy, 0, 1))
		for w.Stats().LastError != "" {
			pass(100 * time.Millisecond)
		}
		s.set(func(s *server) {
			s.always, s.writes = &answer{status: http.StatusTooManyRequests, retryAfter: "30"}, nil
		})
		pass(95 * time.Second)
		if got := len(s.requests()); got > 5 {
			t.Errorf("%d requests in 95 s to a server that asks for pauses of 30", got)
		}
		s.set(func(s *server) { s.always = nil })
		pass(time.Minute)
		if n := missing(s, 0, 6000); n != 0 {
			t.Errorf("%d samples are missing", n)
		}
	})
}

// TestALossIsMadeGoodByTheNextSample has a point that stands still, of which the
// only sample is lost.
func TestALossIsMadeGoodByTheNextSample(t *testing.T) {
	site, err := gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "m", Class: gateway.ElectricMeter, Points: []gateway.Point{{Name: "still", Deadband: 1, Heartbeat: 1000 * time.Hour}, {Name: "loud"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.always = busy(503)
		c := influx.Config{URL: "http://influx:8086", Org: "lakeside", Bucket: "a b", SpoolMiB: 1}
		w := runWriter(t, c, site, influx.Options{Dir: t.TempDir(), Dial: s.listener.Dial})
		still := gateway.Sample{Point: 0, Quality: gateway.Good, Value: 5, At: 1_000_000}
		for i := 0; w.Stats().Dropped == 0; i++ {
			w.Export([]gateway.Sample{still})
			w.Export(numbered(1, i*4000, 4000))
			pass(time.Second)
			still.At = still.At.Add(time.Second)
		}
		s.set(func(s *server) { s.always = nil })
		w.Export([]gateway.Sample{still})
		pass(3 * time.Minute)
		if _, ok := s.stored()[fmt.Sprintf("electric_meter,facility=m,point=still,site=lakeside %d", still.At)]; !ok {
			t.Error("nothing is known of the point that stands still")
		}
	})
}
