package influx

import (
	"fmt"
	"testing"
	"time"

	"github.com/influxdata/influxdb-client-go/v2/api/write"

	"github.com/intact-gateway/intact/gateway"
)

func TestEscape(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain", "plain"},
		{"a b,c=d", `a\ b\,c\=d`},
		{`back\slash`, `back\slash`},
		{`ends with\`, `ends\ with/`},
		{"two\nlines\x00", `two\ lines\ `},
		{"1号楼", "1号楼"},
	}
	for _, tt := range tests {
		if got := escape(tt.in, `,= `); got != tt.want {
			t.Errorf("escape(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestBufferKeepsTheNewestInOrder(t *testing.T) {
	b := buffer{limit: 20_000}
	next := 0
	put := func(n int) {
		for range n {
			b.put([]gateway.Sample{{Quality: gateway.Good, Value: float64(next), At: 1}})
			next++
		}
	}
	want := 0
	take := func(n int) {
		t.Helper()
		for _, s := range b.take(nil, n) {
			if s.Value != float64(want) {
				t.Fatalf("took %v, want %d", s.Value, want)
			}
			want++
		}
		b.settle()
	}
	put(5000)
	take(4000)
	put(10_000) // grows while the ring is wrapped
	take(3000)
	put(30_000)
	count, dropped := b.state()
	if g := b.takeGap(); g.samples != dropped || b.takeGap().samples != 0 {
		t.Errorf("a gap of %d samples, %d dropped", g.samples, dropped)
	}
	if count != 20_000 || dropped != 18_000 || len(b.ring) != 20_000 {
		t.Fatalf("%d samples in a ring of %d, %d dropped", count, len(b.ring), dropped)
	}
	want = next - 20_000
	take(30_000)
	if want != next || b.ring != nil {
		t.Errorf("took up to %d of %d, and keeps %d samples of memory", want, next, len(b.ring))
	}
}

func benchmarkSamples(b *testing.B) (*gateway.Site, []gateway.Sample) {
	f := gateway.Facility{ID: "meter-main", Class: gateway.ElectricMeter, Building: "B1"}
	for i := range 50 {
		f.Points = append(f.Points, gateway.Point{Name: fmt.Sprintf("v_%d", i)})
	}
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{f})
	if err != nil {
		b.Fatal(err)
	}
	samples := make([]gateway.Sample, maxBatch)
	for i := range samples {
		samples[i] = gateway.Sample{Point: gateway.PointRef(i % 50), Quality: gateway.Good, Value: 230 + float64(i)/10, At: 1773108720123}
	}
	return site, samples
}

func BenchmarkEncodePoint(b *testing.B) {
	site, samples := benchmarkSamples(b)
	e := newEncoder(site)
	var line []byte
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		line = e.append(line[:0], samples[i%len(samples)])
		i++
	}
}

// BenchmarkEncodePointByClient is the same by the client's own encoder.
func BenchmarkEncodePointByClient(b *testing.B) {
	_, samples := benchmarkSamples(b)
	names := make([]string, 50)
	for i := range names {
		names[i] = fmt.Sprintf("v_%d", i)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		s := samples[i%len(samples)]
		p := write.NewPoint("electric_meter",
			map[string]string{"building": "B1", "facility": "meter-main", "point": names[s.Point], "site": "s"},
			map[string]any{"value": s.Value}, s.At.Time())
		if len(write.PointToLineProtocol(p, time.Millisecond)) == 0 {
			b.Fatal("no line")
		}
		i++
	}
}

// BenchmarkEncodeBatch encodes and compresses a whole request.
func BenchmarkEncodeBatch(b *testing.B) {
	site, samples := benchmarkSamples(b)
	e := newEncoder(site)
	var p parcel
	p.fill(e, nil, samples)
	b.ReportAllocs()
	for b.Loop() {
		p.fill(e, nil, samples)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(samples)), "ns/point")
	b.ReportMetric(float64(p.packed.Len())/float64(len(samples)), "bytes/point")
}

// BenchmarkExport takes a batch of 50 samples, as a polled device gives them.
func BenchmarkExport(b *testing.B) {
	_, samples := benchmarkSamples(b)
	buf := buffer{limit: 20_000}
	b.ReportAllocs()
	for b.Loop() {
		buf.put(samples[:50])
	}
}

func TestEncodingDoesNotAllocate(t *testing.T) {
	site, err := gateway.NewSite("s", gateway.Text{}, time.UTC, gateway.English, []gateway.Facility{
		{ID: "m", Class: gateway.ElectricMeter, Points: []gateway.Point{{Name: "v"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, line := newEncoder(site), make([]byte, 0, 1024)
	s := gateway.Sample{Quality: gateway.Good, Value: 230.125, At: 1773108720123}
	if n := testing.AllocsPerRun(100, func() { line = e.append(line[:0], s) }); n != 0 {
		t.Errorf("%v allocations per point", n)
	}
}
