package modbus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// unlockEvery is how often the lock of a program that has left is taken off a
// pseudo-terminal.
const unlockEvery = 100 * time.Millisecond

// PTY is a serial port without a wire: programs open it by its link, as they
// open an adapter by its name, and the simulator speaks at the other end. It has
// no speed and no parity, whatever it is set to.
type PTY struct {
	link string
	name string
	far  *os.File // our end
	// near is the end of the others. That we have it open, too, keeps reading
	// from failing while nobody else has.
	near *os.File
}

// OpenPTY makes a serial port that is found under the name link until Close. A
// link that an earlier simulation has left behind is replaced, anything else is
// an error.
func OpenPTY(link string) (*PTY, error) {
	far, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	p := &PTY{link: link, far: far}
	if err := errors.Join(p.openNear(), p.setLink()); err != nil {
		return nil, fmt.Errorf("serial port %s: %w", link, errors.Join(err, p.Close()))
	}
	return p, nil
}

// openNear finds and opens the other end, and sets it to raw bytes.
func (p *PTY) openNear() error {
	number := 0
	if err := control(p.far, func(fd int) error {
		err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
		if err != nil {
			return err
		}
		number, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	}); err != nil {
		return err
	}
	p.name = "/dev/pts/" + strconv.Itoa(number)
	near, err := os.OpenFile(p.name, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	p.near = near
	return control(near, func(fd int) error {
		raw := unix.Termios{Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B9600}
		raw.Cc[unix.VMIN] = 1
		return unix.IoctlSetTermios(fd, unix.TCSETS, &raw)
	})
}

// setLink puts the link to the port in its place.
func (p *PTY) setLink() error {
	if p.name == "" {
		return nil
	}
	if old, err := os.Readlink(p.link); err == nil && filepath.Dir(old) == "/dev/pts" {
		if err := os.Remove(p.link); err != nil {
			return err
		}
	}
	return os.Symlink(p.name, p.link)
}

// Read reads what was sent to the port. It waits until something is, or until
// Close.
func (p *PTY) Read(b []byte) (int, error) {
	for {
		// A program that has taken the port for itself alone has it so even after
		// it has left: other than a true port, this one is never closed by all.
		_ = control(p.near, func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
		if err := p.far.SetReadDeadline(time.Now().Add(unlockEvery)); err != nil {
			return 0, err
		}
		n, err := p.far.Read(b)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		return n, err
	}
}

// Write sends b to whoever has the port open.
func (p *PTY) Write(b []byte) (int, error) { return p.far.Write(b) }

// Close takes the port away, as pulling out an adapter does. It is safe to call
// it twice.
func (p *PTY) Close() error {
	var errs []error
	if to, err := os.Readlink(p.link); err == nil && to == p.name {
		errs = append(errs, os.Remove(p.link))
	}
	for _, f := range []*os.File{p.far, p.near} {
		if f == nil {
			continue
		}
		if err := f.Close(); !errors.Is(err, fs.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// control calls do with the descriptor of f.
func control(f *os.File, do func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}
