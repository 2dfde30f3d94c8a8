package modbus

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// Parity is the parity bit of the characters on a serial line.
type Parity byte

// The parities.
const (
	NoParity   Parity = 'N'
	EvenParity Parity = 'E'
	OddParity  Parity = 'O'
)

// RS485 says whether the kernel switches the sender of a serial port on with
// its RTS line. Most adapters do that by themselves.
type RS485 byte

// The ways to switch the sender.
const (
	RTSUnused  RS485 = iota
	RTSHigh          // RTS is set while sending
	RTSLow           // RTS is set while not sending
	rs485Kinds       // how many there are
)

// Serial says how a serial line is driven. The zero value is 9600 8N1.
type Serial struct {
	Baud   int
	Parity Parity
	Stop   int // stop bits, 1 or 2
	RS485  RS485
	// Echo says that the port hears what it sends, as two-wire adapters do
	// that cannot switch their receiver off.
	Echo bool
}

// The speeds that a line may have.
const (
	slowestBaud = 300
	fastestBaud = 4_000_000
)

// complete returns s with its defaults filled in.
func (s Serial) complete() Serial {
	s.Baud, s.Parity, s.Stop = cmp.Or(s.Baud, 9600), cmp.Or(s.Parity, NoParity), cmp.Or(s.Stop, 1)
	return s
}

// check returns an error for what no port can be set to. s is complete.
func (s Serial) check() error {
	var errs []error
	if s.Baud < slowestBaud || s.Baud > fastestBaud {
		errs = append(errs, fmt.Errorf("%d baud: want %d to %d", s.Baud, slowestBaud, fastestBaud))
	}
	if s.Parity != NoParity && s.Parity != EvenParity && s.Parity != OddParity {
		errs = append(errs, fmt.Errorf("parity %q: want N, E or O", s.Parity))
	}
	if s.Stop != 1 && s.Stop != 2 {
		errs = append(errs, fmt.Errorf("%d stop bits: want 1 or 2", s.Stop))
	}
	if s.RS485 >= rs485Kinds {
		errs = append(errs, fmt.Errorf("RS485 %d is unknown", s.RS485))
	}
	return errors.Join(errs...)
}

// char returns how long one character is on the wire.
func (s Serial) char() time.Duration {
	bits := 1 + 8 + s.Stop
	if s.Parity != NoParity {
		bits++
	}
	return time.Duration(bits) * time.Second / time.Duration(s.Baud)
}

// silence returns T3.5, the shortest pause between two frames (Modbus over
// Serial Line V1.02, 2.5.1.1): 3.5 characters, or 1.75 ms on fast lines.
func (s Serial) silence() time.Duration {
	if s.Baud > 19200 {
		return 1750 * time.Microsecond
	}
	return s.char() * 7 / 2
}
