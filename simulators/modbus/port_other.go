//go:build !linux

package modbus

import (
	"context"
	"errors"
)

// ServePort plays units on a serial port, on Linux only.
func (*Server) ServePort(context.Context, string) error {
	return errors.New("serial ports are simulated on Linux only; use rtu_over_tcp")
}
