package modbus

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// serveVariable has the test binary be the devices of BenchmarkPaced, so that
// their cost is not counted.
const serveVariable = "INTACT_BENCH_SERVE"

func TestMain(m *testing.M) {
	if os.Getenv(serveVariable) == "" {
		os.Exit(m.Run())
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr())
	go serveBlocks(listener)
	_, _ = os.Stdin.Read(make([]byte, 1)) // until the benchmark ends
}

// startDevices starts a process of devices and returns its address.
func startDevices(b *testing.B) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveVariable+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	line := make([]byte, 64)
	n, err := out.Read(line)
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(line[:n]))
}

// processorTime returns what this process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// residentMemory returns what this process holds of the machine's memory, in MiB.
func residentMemory(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// BenchmarkPaced polls 200 devices of 50 float32 each second, in turn with a bare
// loop that does the same at the same instants, and a fleet of 1,000. Every value
// is held against a threshold in both. b.N is how many seconds one turn takes:
// give it as -benchtime 20x.
func BenchmarkPaced(b *testing.B) {
	address := startDevices(b)
	for _, devices := range []int{200, 1000} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) { paced(b, address, devices) })
	}
}

// fleet is a way to poll devices until ctx ends. It calls polled after each
// answer.
type fleet func(ctx context.Context, polled func(device int, at time.Time))

// pacing is how a fleet kept its pace over some turns.
type pacing struct {
	polls  int
	used   time.Duration // of the processor
	jitter []time.Duration
}

func (p *pacing) perPoll() float64 { return float64(p.used.Microseconds()) / float64(p.polls) }

// p99 returns the jitter that one poll in a hundred exceeds, in ms.
func (p *pacing) p99() float64 {
	slices.Sort(p.jitter)
	return float64(p.jitter[len(p.jitter)*99/100].Microseconds()) / 1000
}

// turn has a fleet poll for so long, once all of it is connected, and adds how it
// kept its pace. during is called before the end.
func (p *pacing) turn(b *testing.B, devices int, span time.Duration, poll fleet, during func()) {
	b.Helper()
	ends := make([][]time.Time, devices)
	for i := range ends {
		ends[i] = make([]time.Time, 0, int(span/time.Second)+8)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { poll(ctx, func(device int, at time.Time) { ends[device] = append(ends[device], at) }) })
	time.Sleep(2 * time.Second)
	began, used := time.Now(), processorTime(b)
	time.Sleep(span)
	p.used += processorTime(b) - used
	during()
	cancel()
	running.Wait()
	for _, at := range ends {
		for i := 1; i < len(at); i++ {
			if at[i].After(began) {
				p.polls++
				p.jitter = append(p.jitter, (at[i].Sub(at[i-1]) - time.Second).Abs())
			}
		}
	}
	if p.polls == 0 {
		b.Fatal("no device was polled")
	}
}

// over counts the values over a threshold, as a rule on each of them would.
func over(batch []gateway.Sample) (n int) {
	for i := range batch {
		if s := &batch[i]; s.Quality == gateway.Good && s.Value > 235.4 {
			n++
		}
	}
	return n
}

func paced(b *testing.B, address string, devices int) {
	buses := make([]*Bus, devices)
	polling := func(ctx context.Context, polled func(int, time.Time)) {
		var running sync.WaitGroup
		for i, bus := range buses {
			running.Go(func() {
				_ = bus.Run(ctx, func(batch []gateway.Sample) {
					if over(batch) == 0 && batch[0].Quality == gateway.Good {
						polled(i, time.Now())
					}
				})
			})
		}
		running.Wait()
	}
	bare := func(ctx context.Context, polled func(int, time.Time)) {
		var running sync.WaitGroup
		for i, bus := range buses {
			running.Go(func() { bareLoop(ctx, b, address, bus.phase(), func(at time.Time) { polled(i, at) }) })
		}
		running.Wait()
	}
	span := time.Duration(b.N) * time.Second
	var ours, theirs pacing
	var before, after runtime.MemStats
	missed, routines, resident := uint64(0), 0, 0.0
	b.ResetTimer()
	for range 2 {
		clear(buses)
		runtime.GC()
		runtime.ReadMemStats(&before)
		routines = runtime.NumGoroutine()
		for i := range buses {
			buses[i] = pacedBus(b, fmt.Sprint("b", i), address)
		}
		ours.turn(b, devices, span, polling, func() {
			routines = runtime.NumGoroutine() - routines
			runtime.GC()
			runtime.ReadMemStats(&after)
			resident = residentMemory(b)
		})
		for _, bus := range buses {
			missed += bus.Stats().Overruns
		}
		theirs.turn(b, devices, span, bare, func() {})
	}
	b.StopTimer()
	b.ReportMetric(ours.perPoll(), "us-CPU/block")
	b.ReportMetric(ours.perPoll()/theirs.perPoll(), "CPU-of-bare-loop")
	b.ReportMetric(ours.p99(), "p99-jitter-ms")
	b.ReportMetric(ours.p99()/theirs.p99(), "jitter-of-bare-loop")
	b.ReportMetric(float64(missed), "missed")
	b.ReportMetric(resident, "RSS-MiB")
	b.ReportMetric(float64(routines)/float64(devices), "goroutines/device")
	b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1024/float64(devices), "KiB/device")
}

// pacedBus returns a bus with one device of 50 float32, read each second.
func pacedBus(b *testing.B, id, address string) *Bus {
	b.Helper()
	var fields []Field
	for i := range 50 {
		fields = append(fields, Field{Point: gateway.PointRef(i), Table: HoldingRegisters, Type: F32, Address: uint16(2 * i), Period: time.Second})
	}
	bus, err := New(Config{ID: id, Address: address, Link: gateway.NoPoint, Devices: []Device{{
		Unit: 1, Link: gateway.NoPoint, Every: time.Second, Fields: fields,
	}}}, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	return bus
}

// bareLoop reads the block of a pacedBus each second, shifted by phase, and does
// nothing with it but hold each value against a threshold.
func bareLoop(ctx context.Context, b *testing.B, address string, phase time.Duration, polled func(time.Time)) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		b.Error(err)
		return
	}
	defer c.Close()
	request := read{1, HoldingRegisters, 0, 100}.frame()
	var answer [mbapOverhead + 200]byte
	for sleep(ctx, time.Second-(time.Duration(time.Now().UnixNano())-phase)%time.Second) {
		if _, err := c.Write(request[:]); err != nil {
			b.Error(err)
			return
		}
		if _, err := io.ReadFull(c, answer[:]); err != nil {
			b.Error(err)
			return
		}
		high := 0
		for i := mbapOverhead; i < len(answer); i += 4 {
			if math.Float32frombits(binary.BigEndian.Uint32(answer[i:])) > 235.4 {
				high++
			}
		}
		if high == 0 {
			polled(time.Now())
		}
	}
}
