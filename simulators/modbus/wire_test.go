package modbus_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators/modbus"
)

// serialUnits returns a serial line with units 1 and 2, which hold the same.
func serialUnits(t *testing.T) (*modbus.Server, [2]*modbus.Unit) {
	s := &modbus.Server{Wire: modbus.RTU}
	var units [2]*modbus.Unit
	for i := range units {
		units[i] = unit(t, s, byte(i+1), nil)
		units[i].SetRegister(modbus.Holding, 10, 0x1234)
		units[i].SetRegister(modbus.Holding, 11, 0x5678)
	}
	return s, units
}

// The question and the answer of unit 2.
var (
	secondQuestion = []byte{2, 3, 0, 10, 0, 2, 0xE4, 0x3A}
	secondAnswer   = []byte{2, 3, 4, 0x12, 0x34, 0x56, 0x78, 0xB2, 0x07}
)

// hear returns what a serial line says to what is sent on it, with the times at
// which it comes. A pause is a number of milliseconds.
func hear(t *testing.T, s *modbus.Server, sent ...any) []string {
	t.Helper()
	near, far := net.Pipe()
	begin := time.Now()
	var both sync.WaitGroup
	both.Go(func() { s.ServeConn(t.Context(), far) })
	var heard []string
	both.Go(func() {
		var b [300]byte
		for {
			n, err := near.Read(b[:])
			if err != nil {
				return
			}
			heard = append(heard, fmt.Sprintf("%v % x", time.Since(begin), b[:n]))
		}
	})
	for _, part := range sent {
		if ms, ok := part.(int); ok {
			time.Sleep(time.Duration(ms) * time.Millisecond)
		} else if _, err := near.Write(part.([]byte)); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Minute)
	near.Close()
	both.Wait()
	return heard
}

func TestASerialLineFindsItsRequests(t *testing.T) {
	unknown := []byte{1, 0x11, 0xC0, 0x2C} // report server id
	write := []byte{1, 6, 0, 10, 0, 3, 0xE9, 0xC9}
	several := []byte{1, 16, 0, 10, 0, 1, 2, 0, 3, 0xE6, 0xFB}
	right := fmt.Sprintf("0s % x", serialAnswer)
	for _, tt := range []struct {
		name string
		sent [][]byte
		want []string
	}{
		{"whole", [][]byte{serialQuestion}, []string{right}},
		{"in pieces", [][]byte{serialQuestion[:1], serialQuestion[1:7], serialQuestion[7:]}, []string{right}},
		{"behind noise", [][]byte{{0xFF, 1, 3}, serialQuestion}, []string{right}},
		{"behind more noise than fits", [][]byte{make([]byte, 300), make([]byte, 300), serialQuestion}, []string{right}},
		{"behind a request that was broken off", [][]byte{serialQuestion[:7], serialQuestion}, []string{right}},
		{"two at once", [][]byte{slices.Concat(serialQuestion, secondQuestion)}, []string{right, fmt.Sprintf("0s % x", secondAnswer)}},
		{"with a wrong checksum", [][]byte{slices.Concat(serialQuestion[:7], []byte{0})}, nil},
		{"to a unit that is not there", [][]byte{{3, 3, 0, 10, 0, 2, 0xE5, 0xEB}}, nil},
		{"a function that it has not", [][]byte{unknown}, []string{"0s 01 91 01 8c 50"}},
		{"a write", [][]byte{write, several}, []string{"0s 01 86 01 83 a0", "0s 01 90 01 8d c0"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := serialUnits(t)
				var sent []any
				for _, b := range tt.sent {
					sent = append(sent, b)
				}
				if got := hear(t, s, sent...); !slices.Equal(got, tt.want) {
					t.Errorf("heard %q, want %q", got, tt.want)
				}
			})
		})
	}
}

// TestALateUnitOfASerialLine holds up no other unit and is deaf until it has
// spoken.
func TestALateUnitOfASerialLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, units := serialUnits(t)
		units[0].SetFault(modbus.Fault{Kind: modbus.Slow, Delay: time.Second})
		got := hear(t, s, serialQuestion, 300, secondQuestion, 300, serialQuestion, 1000, serialQuestion)
		want := []string{
			fmt.Sprintf("300ms % x", secondAnswer), fmt.Sprintf("1s % x", serialAnswer), fmt.Sprintf("2.6s % x", serialAnswer),
		}
		if !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

func TestAKeptAnswerComesWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, units := serialUnits(t)
		units[0].SetFault(modbus.Fault{Kind: modbus.Merged})
		got := hear(t, s, serialQuestion, 1000, serialQuestion, 1000, serialQuestion)
		if want := []string{fmt.Sprintf("1s % x", slices.Concat(serialAnswer, serialAnswer))}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// TestASilentLine keeps its connections and answers nobody.
func TestASilentLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serialUnits(t)
		s.SetSilent(true)
		go func() { time.Sleep(1500 * time.Millisecond); s.SetSilent(false) }()
		got := hear(t, s, serialQuestion, 1000, secondQuestion, 1000, serialQuestion)
		if want := []string{fmt.Sprintf("2s % x", serialAnswer)}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// TestAResetIsNoEnd breaks real connections, by a fault and all at once.
func TestAResetIsNoEnd(t *testing.T) {
	s := new(modbus.Server)
	u := unit(t, s, 1, nil)
	u.SetRegister(modbus.Holding, 10, 1)
	u.SetRegister(modbus.Holding, 11, 1)
	address := serve(t, s)
	for name, fail := range map[string]func(){
		"fault": func() { u.SetFault(modbus.Fault{Kind: modbus.Reset}) },
		"line":  s.Reset,
	} {
		u.SetFault(modbus.Fault{})
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = conn.Write(question)
		if _, err := io.ReadFull(conn, make([]byte, len(answer))); err != nil {
			t.Fatal(err)
		}
		fail()
		_, writing := conn.Write(question) // whoever comes first learns of it
		_, reading := io.ReadAll(conn)
		if err := errors.Join(writing, reading); err == nil || !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: the connection ended with %v, want a reset", name, err)
		}
		conn.Close()
	}
}

// TestRegistersThatAreNonsense has a unit that measures well show what its
// faults make of it, and right again afterwards.
func TestRegistersThatAreNonsense(t *testing.T) {
	point := func(reg int, typ, order string) drivers.Point {
		return at(reg, func(p *drivers.Point) { p.Type, p.Order = typ, order })
	}
	s := new(modbus.Server)
	u := unit(t, s, 1, profile(
		point(0, "f32", "ABCD"), point(2, "u32", "CDAB"), point(4, "f64", "ABCD"), point(8, "u16", ""), point(9, "f16", ""), point(10, "u24", "")))
	u.Update(roles{"x0": 230, "x2": 0x12345678, "x4": 1, "x8": 7, "x9": 1, "x10": 0x010203})
	well := []uint16{0x4366, 0, 0x5678, 0x1234, 0x3FF0, 0, 0, 0, 7, 0x3C00, 0x0001, 0x0203}
	c := client(t, serve(t, s), 1)
	for _, tt := range []struct {
		fault modbus.FaultKind
		want  []uint16
	}{
		{"", well},
		{modbus.NaN, []uint16{0x7FC0, 0, 0xFFFF, 0xFFFF, 0x7FF8, 0, 0, 0, 0xFFFF, 0x7E00, 0x00FF, 0xFFFF}},
		{"", well},
		{modbus.Swapped, []uint16{0, 0x4366, 0x1234, 0x5678, 0, 0, 0, 0x3FF0, 7, 0x3C00, 0x0001, 0x0203}},
		{"", well},
	} {
		u.SetFault(modbus.Fault{Kind: tt.fault})
		if got, err := c.ReadRegisters(0, uint16(len(well)), 0); err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("with fault %q the registers are %04x, %v; want %04x", tt.fault, got, err, tt.want)
		}
	}
}
