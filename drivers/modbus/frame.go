package modbus

import (
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

// exceptionBit marks the function code of a refusal.
const exceptionBit = 0x80

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
