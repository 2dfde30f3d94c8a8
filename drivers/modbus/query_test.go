package modbus_test

import (
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers/modbus"
)

// TestAQuestionByHandHasAllItsTime has a device take nearly all of it.
func TestAQuestionByHandHasAllItsTime(t *testing.T) {
	for name, wire := range wires() {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDevice()
				d.serial = wire.transport != modbus.TCP
				d.answer = func(d *device, c net.Conn, request, reply []byte) bool {
					time.Sleep(timeout - 10*time.Millisecond)
					return send(d, c, request, reply)
				}
				q, err := modbus.NewQuery(t.Context(), modbus.Config{Transport: wire.transport, Address: "device:502"}, timeout, 0, modbus.Options{Dial: d.dial})
				if err != nil {
					t.Fatal(err)
				}
				data, err := q.Read(1, modbus.HoldingRegisters, 7, 1)
				if err != nil || modbus.Words(data)[0] != word(1, 3, 7) {
					t.Errorf("% x, %v", data, err)
				}
				q.Close()
				d.serving.Wait()
			})
		})
	}
}
