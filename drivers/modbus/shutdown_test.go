package modbus_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestTheEndOfTheGatewayIsNotLogged ends the bus in each wait that a request may
// be in: nothing is wrong with the line or the device then.
func TestTheEndOfTheGatewayIsNotLogged(t *testing.T) {
	hanging := func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	refusing := func(context.Context, string, string) (net.Conn, error) { return nil, errRefused }
	mute := func(*device, net.Conn, []byte, []byte) bool { return true }
	for _, tt := range []struct {
		name   string
		dial   func(context.Context, string, string) (net.Conn, error) // nil for the device's
		answer func(*device, net.Conn, []byte, []byte) bool
		pause  time.Duration
		lines  int // logged before the end
	}{
		{"connecting", hanging, nil, 0, 0},
		{"waiting to connect again", refusing, nil, 0, 1},
		{"waiting for the answer", nil, mute, 0, 0},
		{"keeping silence", nil, nil, time.Minute, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var next gateway.PointRef
				var log bytes.Buffer
				d := newDevice()
				d.answer = tt.answer
				dial := tt.dial
				if dial == nil {
					dial = d.dial
				}
				// Two blocks, so that one may wait for the other's end.
				fields := append(registers(&next, time.Second, 1, 1), registers(&next, time.Second, 201, 201)...)
				bus, err := modbus.New(modbus.Config{ID: "b1", Address: "device:502", Link: gateway.NoPoint, Devices: []modbus.Device{{
					Unit: 1, Link: gateway.NoPoint, Every: time.Second, Timeout: time.Minute, Pause: tt.pause, Fields: fields,
				}}}, modbus.Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Dial: dial})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				go func() { _ = bus.Run(ctx, func([]gateway.Sample) {}) }()
				time.Sleep(900 * time.Millisecond)
				synctest.Wait()
				cancel()
				synctest.Wait()
				d.serving.Wait()
				if n := bytes.Count(log.Bytes(), []byte("\n")); n != tt.lines {
					t.Errorf("%d lines are logged, want %d:\n%s", n, tt.lines, log.String())
				}
				for q, n := range bus.Stats().Units[0].Requests {
					if q == "frame" {
						t.Errorf("%d requests count as %s", n, q)
					}
				}
			})
		})
	}
}
