package modbus_test

import (
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	foreign "github.com/simonvetter/modbus"

	"github.com/intact-gateway/intact/simulators/modbus"
)

// The request is unit 1, function 3, register 10, 2 registers. Both check sums were
// worked out apart, in another language.
var (
	rtuQuestion = []byte{1, 3, 0, 10, 0, 2, 0xE4, 0x09}
	rtuAnswer   = []byte{1, 3, 4, 0x12, 0x34, 0x56, 0x78, 0x81, 0x07}
)

// TestRequestsAreFoundOnANoisyLine also asks a unit that is not there, for which
// nobody answers on a serial line.
func TestRequestsAreFoundOnANoisyLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &modbus.Server{Serial: true}
		u := unit(t, s, 1, nil)
		u.SetRegister(modbus.Holding, 10, 0x1234)
		u.SetRegister(modbus.Holding, 11, 0x5678)
		near, far := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { s.ServeConn(t.Context(), far) })
		heard := func(said []byte) []byte {
			go func() { _, _ = near.Write(said) }()
			_ = near.SetReadDeadline(time.Now().Add(time.Second))
			b := make([]byte, 64)
			n, _ := io.ReadFull(near, b)
			return b[:n]
		}
		other := slices.Clone(rtuQuestion)
		other[0] = 2
		for _, tt := range []struct {
			name       string
			said, want []byte
		}{
			{"a request", rtuQuestion, rtuAnswer},
			{"noise and a request", slices.Concat([]byte{0xFF, 0, 0x55, 1, 3}, rtuQuestion), rtuAnswer},
			{"two requests", slices.Concat(rtuQuestion, rtuQuestion), slices.Concat(rtuAnswer, rtuAnswer)},
			{"a wrong check sum", append(slices.Clone(rtuQuestion[:7]), 0), nil},
			{"another unit", other, nil},
		} {
			if got := heard(tt.said); !slices.Equal(got, tt.want) {
				t.Errorf("%s: heard % x, want % x", tt.name, got, tt.want)
			}
		}
		u.SetFault(modbus.Fault{Kind: modbus.BadCRC})
		if got := heard(rtuQuestion); len(got) != len(rtuAnswer) || !slices.Equal(got[:8], rtuAnswer[:8]) || got[8] == rtuAnswer[8] {
			t.Errorf("with a wrong check sum: % x", got)
		}
		near.Close()
		serving.Wait()
	})
}

// TestAForeignClientReadsFramesOfAConverter has a library of others read.
func TestAForeignClientReadsFramesOfAConverter(t *testing.T) {
	s := &modbus.Server{Serial: true}
	unit(t, s, 9, nil).SetRegister(modbus.Input, 100, 4711)
	c, err := foreign.NewClient(&foreign.ClientConfiguration{URL: "rtuovertcp://" + serve(t, s), Speed: 9600, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetUnitId(9)
	if got, err := c.ReadRegister(100, foreign.INPUT_REGISTER); err != nil || got != 4711 {
		t.Errorf("read %d, %v", got, err)
	}
}
