package modbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// replug is how often a port that is pulled out looks whether it may come back.
const replug = 50 * time.Millisecond

// ServePort plays the units on a serial port until ctx ends, and then returns nil.
// The port is one of a pair that the system makes; name becomes a link to it, as
// udev makes for an adapter. While the line is down the adapter is pulled out.
func (s *Server) ServePort(ctx context.Context, name string) error {
	for ctx.Err() == nil {
		if s.isDown() {
			_ = pause(ctx, replug)
			continue
		}
		if err := s.plugIn(ctx, name); err != nil {
			return fmt.Errorf("serve Modbus on %s: %w", name, err)
		}
	}
	return nil
}

// plugIn serves one adapter until it is pulled out or ctx ends.
func (s *Server) plugIn(ctx context.Context, name string) error {
	p, err := openPort()
	if err != nil {
		return err
	}
	defer p.Close()
	if err := link(p.device, name); err != nil {
		return err
	}
	defer os.Remove(name)
	s.ServeSerial(ctx, p)
	return nil
}

// link makes name lead to device, in the place of another link only.
func link(device, name string) error {
	if old, err := os.Lstat(name); err == nil {
		if old.Mode()&os.ModeSymlink == 0 {
			return errors.New("the name is taken by a file that is no link")
		}
		if err := os.Remove(name); err != nil {
			return err
		}
	}
	return os.Symlink(device, name)
}

// port is one end of a pair of serial ports. The other end is held open: without
// anybody there a read would fail.
type port struct {
	*os.File
	device string
	held   *os.File
	once   sync.Once
}

func openPort() (*port, error) {
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	fail := func(err error) (*port, error) { return nil, errors.Join(err, near.Close()) }
	conn, err := near.SyscallConn()
	if err != nil {
		return fail(err)
	}
	number, failed := 0, error(nil)
	if err := conn.Control(func(fd uintptr) {
		if failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	}); err != nil || failed != nil {
		return fail(errors.Join(err, failed))
	}
	p := &port{File: near, device: fmt.Sprintf("/dev/pts/%d", number)}
	if p.held, err = os.OpenFile(p.device, os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		return fail(err)
	}
	if err := raw(int(p.held.Fd())); err != nil {
		return fail(errors.Join(err, p.held.Close()))
	}
	return p, nil
}

// raw keeps the system from changing what passes.
func raw(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8 | unix.CREAD | unix.CLOCAL
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// Close takes both ends away, as pulling out the adapter does.
func (p *port) Close() (err error) {
	p.once.Do(func() { err = errors.Join(p.File.Close(), p.held.Close()) })
	return err
}
