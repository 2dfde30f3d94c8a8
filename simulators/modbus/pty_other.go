//go:build !linux

package modbus

import (
	"errors"
	"fmt"
)

// PTY is a serial port without a wire, which there is on Linux only.
type PTY struct{}

// OpenPTY returns an error.
func OpenPTY(link string) (*PTY, error) {
	return nil, fmt.Errorf("serial port %s: %w: simulated ones need Linux", link, errors.ErrUnsupported)
}

// Read returns an error.
func (*PTY) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Write returns an error.
func (*PTY) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }

// Close does nothing.
func (*PTY) Close() error { return nil }
