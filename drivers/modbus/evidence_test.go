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
	synctest.Test(t, func(t *testing.T) {
		var next gateway.PointRef
		var log strings.Builder
		refusal := seal([]byte{5, 0x83, 2})
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, _ []byte) bool { return send(d, c, request, refusal) }
		_, _, stop := startLogging(t, modbus.Config{ID: "b1", Transport: modbus.RTUOverTCP, Link: lineLink, Devices: []modbus.Device{{
			Unit: 5, Link: unitLink, Every: time.Second, Fields: registers(&next, time.Second, 1, 1),
		}}}, d, slog.New(slog.NewTextHandler(&log, nil)))
		time.Sleep(10 * time.Second)
		stop()
		request := seal([]byte{5, 3, 0, 1, 0, 1})
		if want := fmt.Sprintf(`sent="% x" heard="% x"`, request, refusal); !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, log.String())
		}
	})
}
