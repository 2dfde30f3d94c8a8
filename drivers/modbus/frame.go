package modbus

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Why an answer was not taken.
var (
	// errStale is the answer to an earlier request, which nobody waits for.
	errStale = errors.New("answer to an earlier request")
	// errFrame is an answer that breaks the protocol or is not for us.
	errFrame = errors.New("invalid answer")
	// errShort is a valid answer with less in it than was asked for.
	errShort = errors.New("answer too short")
)

// The MBAP header (Modbus Messaging on TCP/IP 3.1.3): transaction id, protocol
// id and length of two bytes each, then the unit id, which the length counts.
const (
	headerSize   = 7
	lengthOffset = 6   // the length counts from here
	maxFrame     = 260 // header and the largest PDU
	exceptionBit = 0x80
)

// frameSize returns how long the frame at the beginning of b is, or 0 if b does
// not hold all of the header's fields yet. A header that cannot be one is an
// errFrame: from there on the stream has no meaning.
func frameSize(b []byte) (int, error) {
	if len(b) < lengthOffset {
		return 0, nil
	}
	if p := binary.BigEndian.Uint16(b[2:]); p != 0 {
		return 0, fmt.Errorf("%w: protocol id %d", errFrame, p)
	}
	// A unit id, a function code and one byte is the least there is.
	n := lengthOffset + int(binary.BigEndian.Uint16(b[4:]))
	if n < headerSize+2 || n > maxFrame {
		return 0, fmt.Errorf("%w: length %d", errFrame, n-lengthOffset)
	}
	return n, nil
}

// check says whether the whole frame answers the request, a read of one of the
// four tables. It returns nil only for data of exactly the length that was
// asked for, or for an exception.
func check(request, frame []byte) error {
	want, got := binary.BigEndian.Uint16(request), binary.BigEndian.Uint16(frame)
	if age := int16(want - got); age > 0 {
		return errStale
	} else if age < 0 {
		return fmt.Errorf("%w: transaction id %d for request %d", errFrame, got, want)
	}
	if frame[6] != request[6] {
		return fmt.Errorf("%w: from unit %d", errFrame, frame[6])
	}
	function, payload := request[7], frame[8:]
	switch frame[7] {
	case function:
		return checkData(Table(function), int(binary.BigEndian.Uint16(request[10:])), payload)
	case function | exceptionBit:
		if len(payload) != 1 || payload[0] == 0 {
			return fmt.Errorf("%w: exception % x", errFrame, payload)
		}
		return nil
	default:
		return fmt.Errorf("%w: function code %d", errFrame, frame[7])
	}
}

// checkData says whether payload, a byte count and data, holds what a read of
// count bits or registers must give.
func checkData(t Table, count int, payload []byte) error {
	want := 2 * count
	if t.Single() {
		want = (count + 7) / 8
	}
	got := len(payload) - 1
	switch {
	case int(payload[0]) != got:
		return fmt.Errorf("%w: byte count %d over %d bytes", errFrame, payload[0], got)
	case got < want:
		return fmt.Errorf("%w: %d bytes of %d", errShort, got, want)
	case got > want:
		return fmt.Errorf("%w: %d bytes where %d were asked for", errFrame, got, want)
	}
	return nil
}
