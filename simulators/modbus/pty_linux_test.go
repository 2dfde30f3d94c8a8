package modbus_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/intact-gateway/intact/simulators/modbus"
)

// servePTY runs s on a serial port until the function returned is called.
func servePTY(t *testing.T, s *modbus.Server, link string) (stop func()) {
	t.Helper()
	p, err := modbus.OpenPTY(link)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.ServeConn(ctx, p) })
	stop = func() { cancel(); running.Wait() }
	t.Cleanup(stop)
	return stop
}

// TestMbpollReadsASerialPort reads through a port that it has opened itself, and
// through one that comes back under the same name.
func TestMbpollReadsASerialPort(t *testing.T) {
	poll, s := mbpoll(t), &modbus.Server{Wire: modbus.RTU}
	polled(t, s)
	link := filepath.Join(t.TempDir(), "usb-FTDI_A1")
	for range 2 {
		stop := servePTY(t, s, link)
		// mbpoll takes names that begin with /dev/ for serial ports.
		port, err := filepath.EvalSymlinks(link)
		if err != nil {
			t.Fatal(err)
		}
		expectPolled(t, poll, "-m", "rtu", "-b", "19200", "-P", "even", port)
		stop()
		if _, err := os.Lstat(link); err == nil {
			t.Error("the link is left behind")
		}
	}
}

// TestAPortTakenForOneProgramIsFreeForTheNext takes a port for itself alone, as a
// gateway does. Root may open it all the same, others may not.
func TestAPortTakenForOneProgramIsFreeForTheNext(t *testing.T) {
	link := filepath.Join(t.TempDir(), "port")
	servePTY(t, &modbus.Server{Wire: modbus.RTU}, link)
	port, err := os.OpenFile(link, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if err := unix.IoctlSetInt(int(port.Fd()), unix.TIOCEXCL, 0); err != nil {
		t.Fatal(err)
	}
	for exclusive, until := 1, time.Now().Add(30*time.Second); exclusive != 0; {
		if exclusive, err = unix.IoctlGetInt(int(port.Fd()), unix.TIOCGEXCL); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(until) {
			t.Fatal("the port is still taken")
		}
	}
}

func TestALinkThatIsNoneIsLeftAlone(t *testing.T) {
	link := filepath.Join(t.TempDir(), "port")
	if err := os.WriteFile(link, []byte("of somebody else"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := modbus.OpenPTY(link); err == nil || !strings.Contains(err.Error(), link) {
		t.Errorf("error is %v, want it to name %s", err, link)
	}
	if text, err := os.ReadFile(link); err != nil || string(text) != "of somebody else" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	// One of a simulation that was killed is replaced.
	if err := os.Symlink("/dev/pts/999999", link); err != nil {
		t.Fatal(err)
	}
	p, err := modbus.OpenPTY(link)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if _, err := os.Lstat(link); !os.IsNotExist(err) {
		t.Errorf("the link is %v, want %v", err, fs.ErrNotExist)
	}
}
