package modbus_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/intact-gateway/intact/drivers/modbus"
	"github.com/intact-gateway/intact/gateway"
)

// openPTY returns a serial line that ends in this process: the far end, and the
// name of the port at the near one.
func openPTY(t *testing.T) (far *os.File, port string) {
	t.Helper()
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	raw, err := far.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := -1
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	return far, "/dev/pts/" + strconv.Itoa(number)
}

// bus is a serial line with a device at its far end that can be unplugged.
type serialBus struct {
	device  *device
	name    string // does not change when the adapter comes back elsewhere
	far     *os.File
	serving sync.WaitGroup
}

func newSerialBus(t *testing.T) *serialBus {
	b := &serialBus{device: newDevice(), name: filepath.Join(t.TempDir(), "usb-FTDI_A1")}
	b.device.serial = true
	t.Cleanup(b.unplug)
	b.plug(t)
	return b
}

func (b *serialBus) plug(t *testing.T) {
	t.Helper()
	far, port := openPTY(t)
	_ = os.Remove(b.name)
	if err := os.Symlink(port, b.name); err != nil {
		t.Fatal(err)
	}
	b.far = far
	b.serving.Go(func() { b.serve(far) })
}

func (b *serialBus) unplug() {
	_ = os.Remove(b.name)
	_ = b.far.Close()
	b.serving.Wait()
}

// serve answers until the line is unplugged. While nobody has the port open,
// reading fails with EIO; that passes.
func (b *serialBus) serve(far *os.File) {
	for {
		request, err := b.device.read(pseudoConn{File: far})
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(time.Millisecond)
			continue
		}
		b.device.mu.Lock()
		answer := b.device.answer
		b.device.mu.Unlock()
		if answer == nil {
			answer = send
		}
		answer(b.device, pseudoConn{File: far}, request, b.device.wire(b.device.reply(request)))
	}
}

// two blocks of the same length, so that an answer to the one would pass as
// the answer to the other.
func twins(period time.Duration) (fields []modbus.Field, want func(gateway.Sample) float64) {
	var next gateway.PointRef
	fields = append(registers(&next, period, 10, 12), registers(&next, period, 110, 112)...)
	return fields, func(s gateway.Sample) float64 { return float64(word(1, 3, fields[s.Point].Address)) }
}

func serialConfig(port string, fields []modbus.Field, timeout time.Duration) modbus.Config {
	return modbus.Config{
		ID: "b1", Transport: modbus.RTU, Address: port, Serial: modbus.Serial{Baud: 115200}, Link: gateway.NoPoint,
		Devices: []modbus.Device{{Unit: 1, Link: gateway.NoPoint, Every: fields[0].Period, Timeout: timeout, Fields: fields}},
	}
}

// TestNoLateAnswerIsTakenOnASerialPort has some answers come after the
// time-out and the rest at once.
func TestNoLateAnswerIsTakenOnASerialPort(t *testing.T) {
	b := newSerialBus(t)
	const timeout = 20 * time.Millisecond
	asked := 0
	b.device.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		if asked++; asked%40 == 3 {
			time.Sleep(timeout + timeout/2)
		} else if asked%40 == 23 {
			time.Sleep(3 * timeout)
		}
		return send(d, c, request, reply)
	}
	fields, want := twins(10 * time.Millisecond)
	good, late := 0, 0
	follow(t, serialConfig(b.name, fields, timeout), func(s gateway.Sample) bool {
		switch {
		case s.Quality == gateway.BadTimeout:
			late++
		case s.Quality != gateway.Good:
			t.Errorf("point %d is %s", s.Point, s.Quality)
		case s.Value != want(s):
			t.Fatalf("point %d is %v, want %v", s.Point, s.Value, want(s))
		default:
			good++
		}
		return good >= 1000 && late > 0
	})
}

// TestAPortThatIsPulledOut takes the adapter away in the middle of a request and
// puts it back under another number.
func TestAPortThatIsPulledOut(t *testing.T) {
	b := newSerialBus(t)
	var hold atomic.Bool
	held, gone := make(chan struct{}), make(chan struct{})
	b.device.answer = func(d *device, c net.Conn, request, reply []byte) bool {
		if hold.CompareAndSwap(true, false) {
			close(held)
			return true
		}
		return send(d, c, request, reply)
	}
	fields, want := twins(10 * time.Millisecond)
	phase := 0
	// The time-out is longer than the test may take: what ends the request is
	// the loss of the port.
	follow(t, serialConfig(b.name, fields, 10*time.Minute), func(s gateway.Sample) bool {
		if s.Quality == gateway.Good && s.Value != want(s) {
			t.Errorf("point %d is %v, want %v", s.Point, s.Value, want(s))
		}
		switch {
		case phase == 0 && s.Quality == gateway.Good:
			phase = 1
			hold.Store(true)
			go func() {
				<-held
				b.unplug()
				close(gone)
			}()
		case phase == 1 && s.Quality == gateway.BadClosed:
			t.Error("the quick second try has hidden nothing")
		case phase == 1 && s.Quality == gateway.BadRefused:
			phase = 2
			<-gone
			b.plug(t)
		case phase == 2 && s.Quality == gateway.Good:
			return true
		}
		return false
	})
}

// TestAPortHasOneUser holds a port against a second bus.
func TestAPortHasOneUser(t *testing.T) {
	b := newSerialBus(t)
	fields, _ := twins(10 * time.Millisecond)
	follow(t, serialConfig(b.name, fields, time.Minute), func(s gateway.Sample) bool {
		if s.Quality != gateway.Good {
			return false
		}
		follow(t, serialConfig(b.name, fields, time.Minute), func(s gateway.Sample) bool {
			if s.Quality != gateway.BadRefused {
				t.Errorf("the second user's sample is %s", s.Quality)
			}
			return true
		})
		return true
	})
}

// TestThePortIsSetUp looks from the far end how the port has been set. A
// pseudo-terminal has no parity.
func TestThePortIsSetUp(t *testing.T) {
	b := newSerialBus(t)
	fields, _ := twins(10 * time.Millisecond)
	config := serialConfig(b.name, fields, time.Minute)
	config.Serial = modbus.Serial{Baud: 7200, Stop: 2}
	follow(t, config, func(s gateway.Sample) bool {
		if s.Quality != gateway.Good {
			return false
		}
		raw, err := b.far.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			got, err := unix.IoctlGetTermios(int(fd), unix.TCGETS2)
			if err != nil || got.Ospeed != 7200 || got.Cflag&(unix.CSTOPB|unix.CSIZE) != unix.CSTOPB|unix.CS8 || got.Lflag != 0 || got.Oflag != 0 {
				t.Errorf("the port is %+v, %v", got, err)
			}
		}); err != nil {
			t.Error(err)
		}
		return true
	})
}

// pseudoConn makes a file pass for a connection.
type pseudoConn struct{ *os.File }

func (pseudoConn) LocalAddr() net.Addr  { return nil }
func (pseudoConn) RemoteAddr() net.Addr { return nil }

// join carries bytes between two lines until they are closed.
func join(t *testing.T, a, b *os.File) {
	var carrying sync.WaitGroup
	for _, way := range [][2]*os.File{{a, b}, {b, a}} {
		carrying.Go(func() {
			for {
				// EIO comes while the port behind the line is not open.
				if _, err := io.Copy(way[0], way[1]); err == nil || errors.Is(err, os.ErrClosed) {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	t.Cleanup(func() {
		_, _ = a.Close(), b.Close()
		carrying.Wait()
	})
}

// TestPymodbusOverASerialPort joins the ports of both sides, set as lines are in
// the field. A pseudo-terminal takes these settings but has no parity, which the
// other side therefore refuses to set.
func TestPymodbusOverASerialPort(t *testing.T) {
	for _, s := range []modbus.Serial{
		{Baud: 9600, Parity: modbus.NoParity, Stop: 1},
		{Baud: 19200, Parity: modbus.NoParity, Stop: 2},
		{Baud: 115200, Parity: modbus.NoParity, Stop: 1},
	} {
		t.Run(fmt.Sprintf("%d 8%c%d", s.Baud, s.Parity, s.Stop), func(t *testing.T) {
			near, ours := openPTY(t)
			far, theirs := openPTY(t)
			join(t, near, far)
			startPymodbus(t, "rtu", theirs, strconv.Itoa(s.Baud), string(s.Parity), strconv.Itoa(s.Stop))
			readAll(t, modbus.Config{Transport: modbus.RTU, Address: ours, Serial: s})
		})
	}
}
