package influx_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/telemetry/influx"
)

// The plant of the outage: 50 meters of 20 points, each read once a second.
const (
	meters, perMeter = 50, 20
	perSecond        = meters * perMeter
)

// outageHours is how long InfluxDB is away: a few minutes, unless the environment
// asks for a whole day.
func outageHours(t *testing.T) float64 {
	text := os.Getenv("INTACT_OUTAGE_HOURS")
	if text == "" {
		return 0.1
	}
	hours, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return hours
}

func plant(t testing.TB) *gateway.Site {
	t.Helper()
	var facilities []gateway.Facility
	for m := range meters {
		f := gateway.Facility{ID: gateway.FacilityID(fmt.Sprintf("meter-%d", m)), Class: gateway.ElectricMeter, Building: strconv.Itoa(m / 10)}
		for p := range perMeter {
			f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("p%d", p)})
		}
		facilities = append(facilities, f)
	}
	site, err := gateway.NewSite("lakeside", gateway.Text{}, time.UTC, gateway.English, facilities)
	if err != nil {
		t.Fatal(err)
	}
	return site
}

// course gives the samples of the plant second by second: values that walk in
// steps of their resolution, all points of a meter at the time of its answer.
type course struct {
	random *rand.Rand
	values [perSecond]int
	now    [perSecond]gateway.Sample
}

func newCourse() *course {
	c := &course{random: rand.New(rand.NewPCG(1, 2))}
	for i := range c.values {
		c.values[i] = 100 * (i%perMeter + 1)
	}
	return c
}

func (c *course) second(begin gateway.Instant, n int) []gateway.Sample {
	for m := range meters {
		at := begin + gateway.Instant(1000*n+m*20+c.random.IntN(15))
		for p := range perMeter {
			i := m*perMeter + p
			c.values[i] += c.random.IntN(5) - 2
			c.now[i] = gateway.Sample{Point: gateway.PointRef(i), Quality: gateway.Good, Value: float64(c.values[i]) / 10, At: at}
		}
	}
	return c.now[:]
}

// tally is a server that notes of each point of which seconds it has samples. It
// keeps no lines: there are 86 million of them in a day.
type tally struct {
	listener *pipes
	http     http.Server
	begin    gateway.Instant

	mu       sync.Mutex
	up       bool
	conns    []net.Conn // cut when it goes down
	seen     []uint64   // bits, second by second for all points
	count    int
	repeated int
	wrong    string
}

func newTally(t *testing.T, begin gateway.Instant, seconds int) *tally {
	s := &tally{listener: newPipes(), begin: begin, seen: make([]uint64, seconds*perSecond/64+1)}
	s.http.Handler = s
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("fake server: %v", err)
		}
	})
	t.Cleanup(func() { s.http.Close(); serving.Wait() })
	return s
}

func (s *tally) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	s.mu.Lock()
	up := s.up
	s.mu.Unlock()
	if !up {
		return nil, errors.New("connection refused")
	}
	c, err := s.listener.Dial(ctx, network, addr)
	if err == nil {
		s.mu.Lock()
		s.conns = append(s.conns, c)
		s.mu.Unlock()
	}
	return c, err
}

func (s *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	time.Sleep(100 * time.Millisecond)
	unzipped, err := gzip.NewReader(r.Body)
	var body []byte
	if err == nil {
		body, err = io.ReadAll(unzipped)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wrong = err.Error()
	}
	for line := range bytes.Lines(body) {
		s.note(line)
	}
	w.WriteHeader(http.StatusNoContent)
}

// note takes "electric_meter,building=1,facility=meter-17,point=p3,site=lakeside value=1 1".
func (s *tally) note(line []byte) {
	number := func(after string) int {
		_, rest, _ := bytes.Cut(line, []byte(after))
		n := 0
		for _, c := range rest {
			if c < '0' || c > '9' {
				break
			}
			n = 10*n + int(c-'0')
		}
		return n
	}
	point := number("facility=meter-")*perMeter + number("point=p")
	space := bytes.LastIndexByte(line, ' ')
	at, err := strconv.ParseInt(string(line[space+1:len(line)-1]), 10, 64)
	bit := int(at-int64(s.begin))/1000*perSecond + point
	if err != nil || bit < 0 || bit/64 >= len(s.seen) || !bytes.Contains(line, []byte(" value=")) {
		s.wrong = string(line)
		return
	}
	if s.seen[bit/64]&(1<<(bit%64)) != 0 {
		s.repeated++
		return
	}
	s.seen[bit/64] |= 1 << (bit % 64)
	s.count++
}

func (s *tally) counted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// resident returns the memory of this process in bytes.
func resident(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// TestADayWithoutInfluxDB takes 1,000 samples a second while the server is away and
// works them off beside new ones when it is back.
func TestADayWithoutInfluxDB(t *testing.T) {
	site, away := plant(t), int(3600*outageHours(t))
	synctest.Test(t, func(t *testing.T) {
		begin := gateway.InstantOf(time.Now())
		s := newTally(t, begin, away+away/20+120)
		s.up = true
		c := influx.Config{URL: "http://influx:8086", Org: "o", Bucket: "b"}
		w := runWriter(t, c, site, influx.Options{Dir: t.TempDir(), Dial: s.dial})
		plant, now := newCourse(), 0
		second := func() {
			w.Export(plant.second(begin, now))
			now++
			pass(time.Second)
		}
		for range 30 {
			second()
		}
		s.mu.Lock()
		s.up = false
		for _, c := range s.conns {
			c.Close()
		}
		clear(s.seen[s.count/64+1:]) // has its memory before ours is measured
		s.mu.Unlock()
		before, most := resident(t), 0
		for n := range away {
			second()
			if n%60 == 0 {
				most = max(most, resident(t))
			}
		}
		down := w.Stats()
		perPoint := float64(down.Spool.Bytes) / float64(down.Spool.Samples)
		s.mu.Lock()
		s.up = true
		s.mu.Unlock()
		for w.Stats().LastError != "" {
			second()
		}
		drained := now
		for w.Stats().Spool.Samples > 0 {
			second()
			most = max(most, resident(t))
			if now-drained > away {
				t.Fatalf("the spool does not empty: %+v", w.Stats())
			}
		}
		drained = now - drained
		pass(2 * time.Second)
		if got, want := s.counted(), now*perSecond; got != want || s.repeated != 0 || s.wrong != "" {
			t.Errorf("the server has %d samples, want %d; %d came twice; %q", got, want, s.repeated, s.wrong)
		}
		if got := w.Stats(); int(got.Written) != now*perSecond || got.Dropped+got.Damaged+got.Rejected != 0 {
			t.Errorf("stats %+v, want %d written", got, now*perSecond)
		}
		t.Logf("%d s away: %d MiB on disk, %.2f bytes per sample, drained in %d s (%.0f x), memory grew by %.1f MiB",
			away, down.Spool.Bytes>>20, perPoint, drained, float64(away)/float64(drained), float64(most-before)/(1<<20))
		if perPoint > 12 {
			t.Errorf("%.2f bytes of disk per sample, want 12", perPoint)
		}
		if drained > away/20+1 {
			t.Errorf("%d s took %d s to drain", away, drained)
		}
		if most-before > 20<<20 {
			t.Errorf("memory grew by %d MiB", (most-before)>>20)
		}
	})
}
