package modbus

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
)

// Wire is how the bytes of a server travel.
type Wire uint8

// The wires.
const (
	TCP        Wire = iota // Modbus TCP
	RTUOverTCP             // serial frames through the TCP port of a converter
	RTU                    // a serial line
)

// serial reports whether frames are those of a serial line: without a number,
// with a checksum, and nobody answers for a unit that is not there.
func (w Wire) serial() bool { return w != TCP }

// request is one request as it came.
type request struct {
	transaction uint16 // on serial lines a running number that is never sent
	unit        byte
	function    byte
	body        []byte // of the PDU, after the function code
}

// reply is one answer before it is framed.
type reply struct {
	transaction uint16
	unit        byte
	pdu         []byte
}

// frame returns the bytes of the answer on the wire.
func (r reply) frame(w Wire) []byte {
	if w.serial() {
		return seal(append([]byte{r.unit}, r.pdu...))
	}
	b := make([]byte, headerSize, headerSize+len(r.pdu))
	binary.BigEndian.PutUint16(b, r.transaction)
	binary.BigEndian.PutUint16(b[4:], uint16(1+len(r.pdu)))
	b[6] = r.unit
	return append(b, r.pdu...)
}

// exception returns the PDU that refuses a function.
func exception(function, code byte) []byte { return []byte{function | 0x80, code} }

// requests returns what reads one request after the other from r.
func (w Wire) requests(r io.Reader) func() (request, error) {
	if !w.serial() {
		return func() (request, error) { return readRequest(r) }
	}
	l := &serialLine{from: r}
	return l.next
}

// readRequest reads one request of Modbus TCP. A header that is none is an
// error: there is no way to find the next one in the stream.
func readRequest(r io.Reader) (request, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return request{}, err
	}
	length := binary.BigEndian.Uint16(header[4:])
	if binary.BigEndian.Uint16(header[2:]) != 0 || length < 2 || length > longest {
		return request{}, fmt.Errorf("header % x is not Modbus TCP", header)
	}
	pdu := make([]byte, length-1)
	if _, err := io.ReadFull(r, pdu); err != nil {
		return request{}, err
	}
	return request{
		transaction: binary.BigEndian.Uint16(header[:]),
		unit:        header[6],
		function:    pdu[0],
		body:        pdu[1:],
	}, nil
}

// serialLine finds requests among the bytes of a serial line. A real device is
// told by silence where a frame ends; a stream has no silence, so the checksum
// tells it. What is before a good frame is noise.
type serialLine struct {
	from  io.Reader
	heard []byte
	count uint16
}

// longestSerial is the longest frame of Modbus over Serial Line.
const longestSerial = 256

// next waits for the next request.
func (l *serialLine) next() (request, error) {
	for {
		for i := range l.heard {
			frame := l.heard[i:]
			n := serialSize(frame)
			if n == 0 || !sealed(frame[:n]) {
				continue
			}
			l.count++
			r := request{l.count, frame[0], frame[1], append([]byte(nil), frame[2:n-2]...)}
			l.heard = append(l.heard[:0], frame[n:]...)
			return r, nil
		}
		if over := len(l.heard) - longestSerial; over > 0 {
			l.heard = append(l.heard[:0], l.heard[over:]...)
		}
		var b [longestSerial]byte
		n, err := l.from.Read(b[:])
		l.heard = append(l.heard, b[:n]...)
		if n == 0 && err != nil {
			return request{}, err
		}
	}
}

// serialSize returns how long the request is with which b begins, or 0 as long
// as it is not whole. Of a function whose length is not known it takes all
// there is.
func serialSize(b []byte) int {
	const least, read, write = 4, 8, 9
	n := max(len(b), least)
	switch {
	case len(b) < least:
		return 0
	case b[1] >= 1 && b[1] <= 6:
		n = read
	case b[1] == 15 || b[1] == 16:
		n = write
		if len(b) > 6 {
			n += int(b[6])
		}
	}
	if n > len(b) {
		return 0
	}
	return n
}

// seal returns the bytes of a serial frame with their checksum (Modbus over
// Serial Line V1.02, 6.2.2), the low byte first.
func seal(frame []byte) []byte {
	return binary.LittleEndian.AppendUint16(frame, checksum(frame))
}

// sealed reports whether a frame ends with its checksum.
func sealed(frame []byte) bool {
	n := len(frame) - 2
	return binary.LittleEndian.Uint16(frame[n:]) == checksum(frame[:n])
}

// checksum divides b by the polynomial x^16+x^15+x^2+1, the low bits first.
func checksum(b []byte) uint16 {
	const reversed = 0xA001
	sum := uint16(0xFFFF)
	for i := range 8 * len(b) {
		bit := uint16(b[i/8]>>(i%8)) & 1
		if carry := sum&1 ^ bit; carry == 1 {
			sum = sum>>1 ^ reversed
		} else {
			sum >>= 1
		}
	}
	return sum
}

// reset ends a connection with an RST instead of a FIN where it is one that can,
// as a converter does that has lost its memory.
func reset(conn io.Closer) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
