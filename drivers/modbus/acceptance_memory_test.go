package modbus_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
	simulator "github.com/intact-gateway/intact/simulators/modbus"
)

// TestAcceptanceMemoryOfASickFleet has 200 lines, 40 of which have a simulated
// device with a fault of every kind in turn, for half an hour. What they take after
// the first five minutes is all that they ever take.
func TestAcceptanceMemoryOfASickFleet(t *testing.T) {
	for name, wire := range map[string]struct {
		transport modbus.Transport
		simulated simulator.Wire
	}{"tcp": {modbus.TCP, simulator.TCP}, "rtu over tcp": {modbus.RTUOverTCP, simulator.RTUOverTCP}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const lines, every, bound = 200, 5, 256 << 10
				kinds := simulator.FaultKinds(wire.simulated)
				ctx, cancel := context.WithCancel(t.Context())
				var running sync.WaitGroup
				for i := range lines {
					s := &simulator.Server{Wire: wire.simulated}
					u, err := s.AddUnit(1, nil)
					if err != nil {
						t.Fatal(err)
					}
					for at := range uint16(20) {
						u.SetRegister(simulator.Holding, at, at)
					}
					if i%every == 0 {
						u.SetFault(simulator.Fault{Kind: kinds[i/every%len(kinds)], Delay: timeout / 3, Code: byte(1 + i%11)})
					}
					running.Go(func() { pollAlone(ctx, t, fmt.Sprint("b", i), wire.transport, s) })
				}
				time.Sleep(5 * time.Minute)
				early := inUse()
				time.Sleep(25 * time.Minute)
				late := inUse()
				cancel()
				running.Wait()
				t.Logf("%d lines, %d of them sick: %d KiB in use after five minutes, %d KiB after half an hour",
					lines, lines/every, early>>10, late>>10)
				if late > early+bound {
					t.Errorf("grown by %d KiB", (late-early)>>10)
				}
			})
		})
	}
}

// pollAlone reads unit 1 of s over a line of its own until ctx ends, and keeps
// nothing.
func pollAlone(ctx context.Context, t *testing.T, id string, transport modbus.Transport, s *simulator.Server) {
	var serving sync.WaitGroup
	defer serving.Wait()
	var next gateway.PointRef
	bus, err := modbus.New(modbus.Config{ID: id, Transport: transport, Address: "device:502", Link: lineLink, Devices: []modbus.Device{{
		Unit: 1, Link: unitLink, Every: fleetPeriod, Timeout: timeout, Fields: registers(&next, fleetPeriod, 10, 12),
	}}}, modbus.Options{Log: slog.New(slog.DiscardHandler), Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		near, far := net.Pipe()
		serving.Go(func() { s.ServeConn(context.WithoutCancel(ctx), far) })
		return near, nil
	}})
	if err != nil {
		t.Error(err)
		return
	}
	if err := bus.Run(ctx, func([]gateway.Sample) {}); err != nil {
		t.Error(err)
	}
}

// inUse returns the bytes of heap and stacks in use, garbage collected.
func inUse() uint64 {
	synctest.Wait()
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
