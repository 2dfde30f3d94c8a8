//go:build !linux

package modbus

import (
	"errors"
	"runtime"
)

// openSerial is for Linux only: other systems have other ways to hold a port
// for one program and to notice that it was pulled out.
func openSerial(string, Serial) (stream, error) {
	return nil, errors.New("serial ports are not supported on " + runtime.GOOS)
}
