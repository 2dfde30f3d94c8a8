package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

func BenchmarkDecode(b *testing.B) {
	data := make([]byte, 250)
	for i := range 62 {
		binary.BigEndian.PutUint32(data[4*i:], 0x436A0000+uint32(i))
	}
	for name, f := range map[string]Field{
		"f32":        {Type: F32, Range: []float64{0, 500}},
		"f32 CDAB":   {Type: F32, Order: CDAB},
		"u16 scaled": {Type: U16, Divisor: 10, NA: []int64{0xFFFF}},
		"bit":        {Type: U16, Kind: gateway.Discrete, Shift: 3, Bits: 1},
	} {
		f.Table = HoldingRegisters
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			i := uint16(0)
			for b.Loop() {
				f.Address = i % 120
				if _, q := f.Decode(data, 0); q == gateway.BadDecode {
					b.Fatal(q)
				}
				i += 2
			}
		})
	}
}

// serveBlocks answers every read with zeros until listener is closed.
func serveBlocks(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var in [12]byte
			var out [maxFrame]byte
			for {
				if _, err := io.ReadFull(c, in[:]); err != nil {
					return
				}
				n := 2 * int(in[11])
				copy(out[:], in[:8])
				out[5], out[8] = byte(3+n), byte(n)
				if _, err := c.Write(out[:9+n]); err != nil {
					return
				}
			}
		}()
	}
}

// BenchmarkFlatOut compares polling a block of 50 float32 as fast as it goes
// with a bare loop of the same request over the same transport, in turns, so
// that the machine's moods hit both, and prints the median of the turns.
func BenchmarkFlatOut(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go serveBlocks(listener)
	var fields []Field
	for i := range 50 {
		fields = append(fields, Field{Point: gateway.PointRef(i), Table: HoldingRegisters, Type: F32, Address: uint16(2 * i), Period: time.Second})
	}
	bus, err := New(Config{ID: "b1", Address: listener.Addr().String(), Link: gateway.NoPoint, Devices: []Device{{
		Unit: 1, Link: gateway.NoPoint, Every: time.Second, Fields: fields,
	}}}, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	bus.line.ctx = context.Background()
	defer bus.line.close()
	var sum float64
	emit := func(batch []gateway.Sample) {
		for _, s := range batch {
			if !s.Quality.HasValue() {
				b.Fatalf("sample is %s", s.Quality)
			}
			sum += s.Value
		}
	}
	const turn = 200
	var polling time.Duration
	var ratios []float64
	b.ReportAllocs()
	for b.Loop() {
		began := time.Now()
		for range turn {
			bus.pass(bus.line.ctx, time.Now(), emit)
		}
		polled := time.Now()
		for range turn {
			if _, err := bus.units[0].client.ReadHoldingRegisters(0, 100); err != nil {
				b.Fatal(err)
			}
		}
		took := polled.Sub(began)
		polling += took
		ratios = append(ratios, time.Since(polled).Seconds()/took.Seconds())
	}
	slices.Sort(ratios)
	b.ReportMetric(float64(turn*len(ratios))/polling.Seconds(), "blocks/s")
	b.ReportMetric(ratios[len(ratios)/2], "of-bare-loop")
}

// serveSlowly answers every read with zeros, delay after it has come, and takes
// more requests meanwhile.
func serveSlowly(listener net.Listener, delay time.Duration) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		type waiting struct {
			request [mbapRequest]byte
			until   time.Time
		}
		queue := make(chan waiting, MaxPipeline)
		go func() {
			defer close(queue)
			for {
				var w waiting
				if _, err := io.ReadFull(c, w.request[:]); err != nil {
					return
				}
				w.until = time.Now().Add(delay)
				queue <- w
			}
		}()
		go func() {
			defer c.Close()
			var out [maxFrame]byte
			for w := range queue {
				time.Sleep(time.Until(w.until))
				n := 2 * int(w.request[11])
				copy(out[:], w.request[:8])
				out[5], out[8] = byte(3+n), byte(n)
				if _, err := c.Write(out[:9+n]); err != nil {
					return
				}
			}
		}()
	}
}

// BenchmarkPipeline polls 32 blocks of a device 5 ms away, one at a time and
// several at once in turn, and prints how many times faster the latter is.
func BenchmarkPipeline(b *testing.B) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	go serveSlowly(listener, 5*time.Millisecond)
	var fields []Field
	for i := range 32 { // no two blocks of one length: such are not sent together
		for n := range i + 1 {
			fields = append(fields, Field{Point: gateway.PointRef(len(fields)), Table: HoldingRegisters, Address: uint16(200*i + n), Period: time.Second})
		}
	}
	lengths := []int{1, 2, 4, 8, MaxPipeline}
	took := make([]time.Duration, len(lengths))
	var buses []*Bus
	for _, n := range lengths {
		bus, err := New(Config{ID: "b1", Address: listener.Addr().String(), Link: gateway.NoPoint, Pipeline: n, Devices: []Device{{
			Unit: 1, Link: gateway.NoPoint, Every: time.Second, Fields: fields,
		}}}, Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		bus.line.ctx = context.Background()
		defer bus.line.close()
		buses = append(buses, bus)
	}
	for b.Loop() {
		for i, bus := range buses {
			began := time.Now()
			bus.pass(bus.line.ctx, began, func(batch []gateway.Sample) {
				for _, s := range batch {
					if s.Quality != gateway.Good {
						b.Fatalf("sample is %s", s.Quality)
					}
				}
			})
			took[i] += time.Since(began)
		}
	}
	for i, n := range lengths[1:] {
		b.ReportMetric(took[0].Seconds()/took[i+1].Seconds(), fmt.Sprintf("times-faster-with-%d", n))
	}
}
