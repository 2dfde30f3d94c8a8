package modbus_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// TestAUnitThatComesAndGoesEveryThreeSeconds does so for ten minutes beside a
// unit that is well.
func TestAUnitThatComesAndGoesEveryThreeSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice()
		d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
			away := time.Since(d.start) < 10*time.Minute && int(time.Since(d.start)/(3*time.Second))%2 == 1
			return request[6] == 1 && away || send(d, c, request, reply)
		}
		var next gateway.PointRef
		config := modbus.Config{ID: "b1", Link: lineLink}
		for unit := byte(1); unit <= 2; unit++ {
			config.Devices = append(config.Devices, modbus.Device{
				Unit: unit, Link: unitLink + gateway.PointRef(unit), Every: fleetPeriod, Timeout: timeout,
				Fields: registers(&next, fleetPeriod, 10, 12),
			})
		}
		_, r, stop := start(t, config, d)
		defer stop()
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		rightOrBad(t, r, 1, 0)
		healthy(t, r, 2, 3, int(10*time.Minute/fleetPeriod), 0)
		time.Sleep(time.Minute)
		if _, q := value(t, r, 0); q != gateway.Good {
			t.Errorf("the unit is %s a minute after it stays", q)
		}
	})
}
