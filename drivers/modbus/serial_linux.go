package modbus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// openSerial opens the serial port name for this process alone.
//
// The descriptor does not block, so that the runtime's poller gives it absolute
// deadlines, a Close that ends a read, and the end of the file at the moment in
// which a USB adapter is pulled out.
func openSerial(name string, s Serial) (stream, error) {
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	if err := setSerial(fd, s); err != nil {
		return nil, &fs.PathError{Op: "set up", Path: name, Err: errors.Join(err, unix.Close(fd))}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// setSerial takes the port for this process and sets it to raw bytes at the
// speed of s.
func setSerial(fd int, s Serial) error {
	// The first keeps other programs out, except those of root; the second,
	// all that ask as we do.
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return fmt.Errorf("it is no serial port: %w", err)
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return fmt.Errorf("another program uses it: %w", err)
	}
	t := unix.Termios{
		Iflag: unix.IGNBRK,
		Cflag: unix.CS8 | unix.CREAD | unix.CLOCAL | unix.BOTHER,
		// The speed of both directions; BOTHER allows any number.
		Ispeed: uint32(s.Baud), Ospeed: uint32(s.Baud),
	}
	t.Cc[unix.VMIN] = 1 // nothing to read is "try again", not the end
	if s.Parity != NoParity {
		// A character with the wrong parity is read as 0 and spoils the CRC.
		t.Cflag |= unix.PARENB
		t.Iflag |= unix.INPCK
	}
	if s.Parity == OddParity {
		t.Cflag |= unix.PARODD
	}
	if s.Stop == 2 {
		t.Cflag |= unix.CSTOPB
	}
	if err := unix.IoctlSetTermios(fd, unix.TCSETS2, &t); err != nil {
		return fmt.Errorf("set %d baud: %w", s.Baud, err)
	}
	if err := setRS485(fd, s.RS485); err != nil {
		return fmt.Errorf("switch the sender with RTS: %w", err)
	}
	// What was received before is nobody's answer.
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}
