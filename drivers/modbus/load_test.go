package modbus_test

import (
	"math"
	"testing"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestLoad holds the cost of 10 registers each 5 s, and of 60 each minute, to
// what can be reckoned by hand.
func TestLoad(t *testing.T) {
	const char = 10 * time.Second / 9600 // 8N1
	for _, tt := range []struct {
		name      string
		transport modbus.Transport
		serial    modbus.Serial
		bytes     int
		time      time.Duration
	}{
		{"9600 8N1", modbus.RTU, modbus.Serial{}, 33, 33*char + char*7/2 + 20*time.Millisecond},
		{"115200 8E1", modbus.RTU, modbus.Serial{Baud: 115200, Parity: modbus.EvenParity}, 33, 33*(11*time.Second/115200) + 1750*time.Microsecond + 20*time.Millisecond},
		{"behind a converter", modbus.RTUOverTCP, modbus.Serial{}, 33, 33*char + char*7/2 + 30*time.Millisecond},
		{"TCP", modbus.TCP, modbus.Serial{}, 41, 10 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var next gateway.PointRef
			c := modbus.Config{ID: "b1", Transport: tt.transport, Address: "host:502", Serial: tt.serial, Devices: []modbus.Device{
				{Unit: 1, Fields: registers(&next, time.Minute, 100, 159)},
				{Unit: 1, Fields: registers(&next, 5*time.Second, 10, 19)},
			}}
			bus, err := modbus.New(c, modbus.Options{})
			if err != nil {
				t.Fatal(err)
			}
			l := bus.Load()
			if len(l.Requests) != 2 || l.Requests[0].Count != 10 || l.Requests[1].Count != 60 || l.Requests[0].Unit != 1 {
				t.Fatalf("requests are %+v", l.Requests)
			}
			first, second := l.Requests[0], l.Requests[1]
			if first.Bytes != tt.bytes || first.Time != tt.time || second.Bytes != tt.bytes+100 {
				t.Errorf("%d bytes in %s, want %d in %s", first.Bytes, first.Time, tt.bytes, tt.time)
			}
			if share := first.Time.Seconds()/5 + second.Time.Seconds()/60; math.Abs(l.Share-share) > 1e-12 || l.Pass != first.Time+second.Time {
				t.Errorf("share %v, pass %s; want %v", l.Share, l.Pass, share)
			}
		})
	}
}
