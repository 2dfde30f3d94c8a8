package modbus_test

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestTheLogShowsTheFrames wants the bytes of a wrong answer where the answer
// is complained of.
func TestTheLogShowsTheFrames(t *testing.T) {
	for _, tt := range []struct {
		name          string
		transport     modbus.Transport
		sent, refusal []byte
	}{
		{"RTU", modbus.RTUOverTCP, seal([]byte{5, 3, 0, 1, 0, 1}), seal([]byte{5, 0x83, 2})},
		{"TCP", modbus.TCP, []byte{0, 1, 0, 0, 0, 6, 5, 3, 0, 1, 0, 1}, []byte{0, 1, 0, 0, 0, 3, 5, 0x83, 2}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var next gateway.PointRef
				var log strings.Builder
				d := newDevice()
				d.answer = func(d *device, c net.Conn, request, _ []byte) bool { return send(d, c, request, tt.refusal) }
				_, _, stop := startLogging(t, modbus.Config{ID: "b1", Transport: tt.transport, Link: lineLink, Devices: []modbus.Device{{
					Unit: 5, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 1),
				}}}, d, slog.New(slog.NewTextHandler(&log, nil)))
				time.Sleep(900 * time.Millisecond)
				stop()
				if want := fmt.Sprintf(`sent="% x" heard="% x"`, tt.sent, tt.refusal); !strings.Contains(log.String(), want) {
					t.Errorf("the log lacks %s:\n%s", want, log.String())
				}
			})
		})
	}
}
