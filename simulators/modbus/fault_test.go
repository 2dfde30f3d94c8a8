package modbus_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/intact-gateway/intact/simulators/modbus"
)

// question is a read of two holding registers of unit 1, transaction 0x0102.
var question = []byte{1, 2, 0, 0, 0, 6, 1, 3, 0, 10, 0, 2}

// answer is the right one.
var answer = []byte{1, 2, 0, 0, 0, 7, 1, 3, 4, 0x12, 0x34, 0x56, 0x78}

// serialQuestion and serialAnswer are the same on a serial line, with the
// checksums that an independent calculator gives.
var (
	serialQuestion = []byte{1, 3, 0, 10, 0, 2, 0xE4, 0x09}
	serialAnswer   = []byte{1, 3, 4, 0x12, 0x34, 0x56, 0x78, 0x81, 0x07}
)

// ask puts the question to a unit with the fault and returns all that comes
// within a minute of simulated time, how long the first and the last byte took,
// and whether the connection was closed.
func ask(t *testing.T, wire modbus.Wire, f modbus.Fault) (got []byte, first, last time.Duration, closed bool) {
	question := question
	if wire != modbus.TCP {
		question = serialQuestion
	}
	synctest.Test(t, func(t *testing.T) {
		s := &modbus.Server{Wire: wire}
		u := unit(t, s, 1, nil)
		u.SetRegister(modbus.Holding, 10, 0x1234)
		u.SetRegister(modbus.Holding, 11, 0x5678)
		u.SetFault(f)
		near, far := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { s.ServeConn(t.Context(), far) })
		begin := time.Now()
		if _, err := near.Write(question); err != nil {
			t.Fatal(err)
		}
		_ = near.SetReadDeadline(begin.Add(time.Minute))
		var b [300]byte
		for {
			n, err := near.Read(b[:])
			if n > 0 {
				if len(got) == 0 {
					first = time.Since(begin)
				}
				last = time.Since(begin)
				got = append(got, b[:n]...)
			}
			if err != nil {
				closed = errors.Is(err, io.EOF)
				break
			}
		}
		near.Close()
		serving.Wait()
	})
	return got, first, last, closed
}

// spoilt is what becomes of an answer.
type spoilt struct {
	name        string
	fault       modbus.Fault
	want        []byte
	first, last time.Duration
	closed      bool
}

func TestEachFaultSpoilsTheAnswerInItsWay(t *testing.T) {
	patched := func(b []byte, at int, v byte) []byte {
		b = slices.Clone(b)
		b[at] = v
		return b
	}
	const tenth = 100 * time.Millisecond
	everywhere := func(answer, exception, short, foreign, function []byte) []spoilt {
		half := len(answer) / 2
		return []spoilt{
			{"no fault", modbus.Fault{}, answer, 0, 0, false},
			{"dead", modbus.Fault{Kind: modbus.Dead}, nil, 0, 0, false},
			{"slow", modbus.Fault{Kind: modbus.Slow, Delay: 9 * tenth}, answer, 9 * tenth, 9 * tenth, false},
			{"exception", modbus.Fault{Kind: modbus.Exception, Code: 6}, exception, 0, 0, false},
			{"one register short", modbus.Fault{Kind: modbus.Short}, short, 0, 0, false},
			{"another unit", modbus.Fault{Kind: modbus.Foreign}, foreign, 0, 0, false},
			{"another function", modbus.Fault{Kind: modbus.WrongFunction}, function, 0, 0, false},
			{"half, then nothing", modbus.Fault{Kind: modbus.Cut}, answer[:half], 0, 0, false},
			{"byte by byte", modbus.Fault{Kind: modbus.Drip, Delay: tenth}, answer, tenth, time.Duration(len(answer)) * tenth, false},
			{"in two halves", modbus.Fault{Kind: modbus.Split, Delay: tenth}, answer, 0, tenth, false},
			{"two times", modbus.Fault{Kind: modbus.Twice}, slices.Concat(answer, answer), 0, 0, false},
			{"kept for the next", modbus.Fault{Kind: modbus.Merged}, nil, 0, 0, false},
			// Registers that are set one by one have no form to be spoilt.
			{"no number", modbus.Fault{Kind: modbus.NaN}, answer, 0, 0, false},
			{"registers in reverse", modbus.Fault{Kind: modbus.Swapped}, answer, 0, 0, false},
		}
	}
	connected := func(answer []byte) []spoilt {
		half := len(answer) / 2
		return []spoilt{
			{"half, then closed", modbus.Fault{Kind: modbus.Drop}, answer[:half], 0, 0, true},
			{"half, then reset", modbus.Fault{Kind: modbus.Reset}, answer[:half], 0, 0, true},
			{"closed", modbus.Fault{Kind: modbus.HangUp}, nil, 0, 0, true},
		}
	}
	tcp := everywhere(answer, []byte{1, 2, 0, 0, 0, 3, 1, 0x83, 6}, []byte{1, 2, 0, 0, 0, 5, 1, 3, 2, 0x12, 0x34},
		patched(answer, 6, 2), patched(answer, 7, 4))
	tcp = append(tcp, connected(answer)...)
	tcp = append(tcp, spoilt{"another transaction", modbus.Fault{Kind: modbus.Stale}, patched(answer, 1, 1), 0, 0, false})
	serial := everywhere(serialAnswer, []byte{1, 0x83, 6, 0xC1, 0x32}, []byte{1, 3, 2, 0x12, 0x34, 0xB5, 0x33},
		[]byte{2, 3, 4, 0x12, 0x34, 0x56, 0x78, 0xB2, 0x07}, []byte{1, 4, 4, 0x12, 0x34, 0x56, 0x78, 0x80, 0xB0})
	serial = append(serial, spoilt{"a wrong checksum", modbus.Fault{Kind: modbus.BadCRC}, patched(serialAnswer, 8, 0xF8), 0, 0, false})
	for wire, all := range map[modbus.Wire][]spoilt{
		modbus.TCP: tcp, modbus.RTUOverTCP: append(slices.Clone(serial), connected(serialAnswer)...), modbus.RTU: serial,
	} {
		checked := make(map[modbus.FaultKind]bool)
		for _, tt := range all {
			checked[tt.fault.Kind] = true
			got, first, last, closed := ask(t, wire, tt.fault)
			if !slices.Equal(got, tt.want) || first != tt.first || last != tt.last || closed != tt.closed {
				t.Errorf("wire %d, %s: % x after %v to %v, closed %v; want % x after %v to %v, closed %v",
					wire, tt.name, got, first, last, closed, tt.want, tt.first, tt.last, tt.closed)
			}
		}
		for _, kind := range modbus.FaultKinds(wire) {
			if !checked[kind] && kind != modbus.Garbage {
				t.Errorf("wire %d: nobody checks %s", wire, kind)
			}
		}
		if got, _, _, _ := ask(t, wire, modbus.Fault{Kind: modbus.Garbage}); len(got) < 5 || got[2] == 0 {
			t.Errorf("wire %d: garbage is % x, which may pass for a frame", wire, got)
		}
	}
	if got, _, _, _ := ask(t, modbus.TCP, modbus.Fault{Kind: modbus.BadCRC}); !slices.Equal(got, answer) {
		t.Errorf("a fault that there is not on the wire made % x of the answer", got)
	}
}

func TestALateAnswerComesBeforeTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := new(modbus.Server)
		u := unit(t, s, 1, nil)
		u.SetRegister(modbus.Holding, 10, 1)
		u.SetRegister(modbus.Holding, 11, 1)
		u.SetFault(modbus.Fault{Kind: modbus.Slow, Delay: 2 * time.Second})
		near, far := net.Pipe()
		var serving sync.WaitGroup
		serving.Go(func() { s.ServeConn(t.Context(), far) })
		begin := time.Now()
		for n := range byte(2) {
			q := slices.Clone(question)
			q[0], q[1] = 0, n
			go func() { _, _ = near.Write(q) }()
			synctest.Wait()
			u.SetFault(modbus.Fault{}) // the second one finds a healthy unit
		}
		for n := range uint16(2) {
			b := make([]byte, len(answer))
			if _, err := io.ReadFull(near, b); err != nil {
				t.Fatal(err)
			}
			if got, took := binary.BigEndian.Uint16(b), time.Since(begin); got != n || took != 2*time.Second {
				t.Errorf("answer %d after %v, want %d after 2s", got, took, n)
			}
		}
		near.Close()
		serving.Wait()
	})
}

func TestALineThatIsDownDropsEverybody(t *testing.T) {
	s := new(modbus.Server)
	unit(t, s, 1, nil).SetRegister(modbus.Holding, 10, 7)
	address := serve(t, s)
	reads := func(conn net.Conn) bool {
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, _ = conn.Write([]byte{0, 1, 0, 0, 0, 6, 1, 3, 0, 10, 0, 1})
		_, err := io.ReadFull(conn, make([]byte, 11))
		return err == nil
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	old := dial()
	if !reads(old) {
		t.Fatal("no answer while the line is well")
	}
	s.SetDown(true)
	if reads(old) {
		t.Error("the old connection lives")
	}
	if reads(dial()) {
		t.Error("a new connection is served")
	}
	s.SetDown(false)
	if !reads(dial()) {
		t.Error("the line does not come back")
	}
}

func TestTheServerLeavesNobodyBehind(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := new(modbus.Server)
	unit(t, s, 1, nil).SetFault(modbus.Fault{Kind: modbus.Slow, Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(question); err != nil {
		t.Fatal(err)
	}
	cancel()
	running.Wait() // would take an hour if the pause did not see the end
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the port is still open")
	}
}

func TestConcurrentUse(t *testing.T) {
	s := new(modbus.Server)
	p := profile(at(10, nil), at(11, nil))
	u := unit(t, s, 1, p)
	address := serve(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			v := float64(n % 60000)
			u.Update(roles{"x10": v, "x11": v})
			u.SetRegister(modbus.Coil, 1, uint16(n%2))
			u.SetFault(modbus.Fault{})
		}
	})
	var readers sync.WaitGroup
	for range 4 {
		c := client(t, address, 1)
		readers.Go(func() {
			for range 200 {
				got, err := c.ReadRegisters(10, 2, 0)
				if err != nil || got[0] != got[1] {
					t.Errorf("half an update was seen: %v, %v", got, err)
					return
				}
			}
		})
	}
	readers.Wait()
	cancel()
	all.Wait()
}

func FuzzServeConn(f *testing.F) {
	f.Add(question)
	f.Add([]byte{0, 0, 0, 0, 0, 2, 1, 0x83})
	f.Add([]byte{0, 0, 0, 0, 0, 6, 1, 1, 0xFF, 0xFF, 0x07, 0xD0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := new(modbus.Server)
		u := unit(t, s, 1, nil)
		u.SetRegister(modbus.Holding, 10, 1)
		u.SetRegister(modbus.Coil, 0xFFFF, 1)
		near, far := net.Pipe()
		var both sync.WaitGroup
		both.Go(func() { s.ServeConn(t.Context(), far) })
		both.Go(func() { _, _ = io.Copy(io.Discard, near) })
		_, _ = near.Write(stream)
		near.Close()
		both.Wait()
	})
}
