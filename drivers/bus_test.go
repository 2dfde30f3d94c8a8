package drivers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/intact-gateway/intact/drivers"
)

// TestBusMistakes gives every kind of bus what it cannot have.
func TestBusMistakes(t *testing.T) {
	const port = "/dev/serial/by-id/usb-FTDI_A1"
	for _, tt := range []struct {
		name string
		bus  drivers.Bus
		want []string // how the reports begin, none for a good bus
	}{
		{"TCP", drivers.Bus{TCP: "10.0.0.20:502"}, nil},
		{"TCP with certificates", drivers.Bus{TCP: "10.0.0.20:802", TLS: drivers.TLS{CA: "ca", Cert: "c", Key: "k"}}, nil},
		{"a serial port", drivers.Bus{RTU: port}, nil},
		{"a serial port in every detail", drivers.Bus{RTU: port, Baud: 19200, Parity: "even", Stop: 1, RS485: "rts_low", Echo: true}, nil},
		{"a serial port in a word", drivers.Bus{RTU: port, Baud: 9600, Frame: "8E1"}, nil},
		{"a converter", drivers.Bus{RTUOverTCP: "10.0.0.7:4001", Baud: 9600, Frame: "8N2"}, nil},

		{"nothing", drivers.Bus{}, []string{": the bus has no address"}},
		{"two addresses", drivers.Bus{TCP: "plc:502", RTU: port}, []string{"rtu: a bus is either tcp or rtu"}},
		{"no port", drivers.Bus{RTUOverTCP: "10.0.0.7"}, []string{`rtu_over_tcp: "10.0.0.7" is not an address`}},
		{"a serial port by a short name", drivers.Bus{RTU: "ttyUSB0"}, []string{`rtu: "ttyUSB0" is not the name of a port`}},
		{"impossible speed", drivers.Bus{RTU: port, Baud: 96}, []string{"baud: 96 baud cannot be"}},
		{"seven bits", drivers.Bus{RTU: port, Frame: "7E1"}, []string{`frame: unknown frame "7E1"`}},
		{"half a frame", drivers.Bus{RTU: port, Frame: "8N"}, []string{`frame: unknown frame "8N"`}},
		{"frame and its parts", drivers.Bus{RTU: port, Frame: "8N1", Parity: "none", Stop: 2}, []string{"parity: both frame and parity", "stop: both frame and stop"}},
		{"unknown words", drivers.Bus{RTU: port, Parity: "mark", Stop: 3, RS485: "yes"}, []string{`parity: unknown parity "mark"`, "stop: 3 stop bits", `rs485: unknown rs485 "yes"`}},
		{"RTS behind a converter", drivers.Bus{RTUOverTCP: "conv:4001", RS485: "rts_high"}, []string{"rs485: a bus with rtu_over_tcp has no rs485"}},
		{"TLS on a serial port", drivers.Bus{RTU: port, TLS: drivers.TLS{CA: "ca"}}, []string{"tls: a bus with rtu has no tls"}},
		{"a speed of TCP", drivers.Bus{TCP: "plc:502", Baud: 9600, ClientID: "x"}, []string{"baud: a bus with tcp has no baud", "client_id: a bus with tcp has no client_id"}},
		{"a certificate without key", drivers.Bus{TCP: "plc:802", TLS: drivers.TLS{Cert: "c"}}, []string{"tls: cert and key belong together"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.bus.ID = "b1"
			var got []string
			tt.bus.Validate(func(key, message, _ string) { got = append(got, fmt.Sprintf("%s: %s", key, message)) })
			if !slices.EqualFunc(got, tt.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if _, err := drivers.Open(tt.bus, drivers.Binding{}, drivers.Options{}); len(tt.want) == 0 && err != nil && tt.bus.TLS == (drivers.TLS{}) {
				t.Errorf("a good bus cannot be opened: %v", err)
			}
		})
	}
}
