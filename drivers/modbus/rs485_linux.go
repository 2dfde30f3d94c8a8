package modbus

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// serialRS485 is struct serial_rs485 of linux/serial.h. The kernel may write
// all of it back.
type serialRS485 struct {
	flags       uint32
	delayBefore uint32 // ms from RTS to the first bit
	delayAfter  uint32
	_           [5]uint32
}

// Flags of serialRS485.
const (
	rs485Enabled      = 1 << 0
	rs485RTSOnSend    = 1 << 1
	rs485RTSAfterSend = 1 << 2
)

// setRS485 has the kernel switch the sender. A driver that cannot says so.
func setRS485(fd int, way RS485) error {
	conf := serialRS485{flags: rs485Enabled}
	switch way {
	case RTSHigh:
		conf.flags |= rs485RTSOnSend
	case RTSLow:
		conf.flags |= rs485RTSAfterSend
	default:
		return nil
	}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCSRS485, uintptr(unsafe.Pointer(&conf))); errno != 0 {
		return errno
	}
	return nil
}
