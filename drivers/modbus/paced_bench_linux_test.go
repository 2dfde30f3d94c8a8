package modbus

import (
	"context"
	"fmt"
	"log/slog"
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

// BenchmarkPaced polls 200 devices of 50 float32 each second, and a fleet of
// 1,000 for its memory. b.N is how many seconds: give it as -benchtime 20x.
func BenchmarkPaced(b *testing.B) {
	address := startDevices(b)
	for _, devices := range []int{200, 1000} {
		b.Run(fmt.Sprint(devices), func(b *testing.B) { paced(b, address, devices) })
	}
}

func paced(b *testing.B, address string, devices int) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	routines := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	ends := make([][]time.Time, devices)
	buses := make([]*Bus, devices)
	for i := range devices {
		var fields []Field
		for j := range 50 {
			fields = append(fields, Field{Point: gateway.PointRef(j), Table: HoldingRegisters, Type: F32, Address: uint16(2 * j), Period: time.Second})
		}
		bus, err := New(Config{ID: fmt.Sprint("b", i), Address: address, Link: gateway.NoPoint, Devices: []Device{{
			Unit: 1, Link: gateway.NoPoint, Every: time.Second, Fields: fields,
		}}}, Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		buses[i], ends[i] = bus, make([]time.Time, 0, b.N+8)
		running.Go(func() {
			_ = bus.Run(ctx, func(batch []gateway.Sample) {
				if batch[0].Quality == gateway.Good {
					ends[i] = append(ends[i], time.Now())
				}
			})
		})
	}
	time.Sleep(2 * time.Second) // all are connected
	b.ResetTimer()
	began, used := time.Now(), processorTime(b)
	time.Sleep(time.Duration(b.N) * time.Second)
	used, took := processorTime(b)-used, time.Since(began)
	b.StopTimer()
	routines = runtime.NumGoroutine() - routines
	runtime.GC()
	runtime.ReadMemStats(&after)
	cancel()
	running.Wait()
	var jitter []time.Duration
	polls, overruns := 0, uint64(0)
	for i, at := range ends {
		overruns += buses[i].Stats().Overruns
		for j := 1; j < len(at); j++ {
			if at[j].After(began) {
				polls++
				jitter = append(jitter, (at[j].Sub(at[j-1]) - time.Second).Abs())
			}
		}
	}
	if polls == 0 {
		b.Fatal("no device was polled")
	}
	slices.Sort(jitter)
	b.ReportMetric(float64(used.Microseconds())/float64(polls), "us-CPU/block")
	b.ReportMetric(used.Seconds()/took.Seconds(), "cores")
	b.ReportMetric(float64(jitter[len(jitter)*99/100].Microseconds())/1000, "p99-jitter-ms")
	b.ReportMetric(float64(overruns), "missed")
	b.ReportMetric(float64(routines)/float64(devices), "goroutines/device")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1024/float64(devices), "KiB/device")
}
