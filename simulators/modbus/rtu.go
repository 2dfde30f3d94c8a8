package modbus

import (
	"encoding/binary"
	"io"
)

// rtuRequest is how long a read is on a serial line: unit, function, address,
// count and CRC (Modbus over Serial Line V1.02, 2.5.1).
const rtuRequest = 8

// rtuReader finds requests in what is heard on a serial line. Noise between them is
// skipped: a frame is what its CRC says is one.
type rtuReader struct {
	r    io.Reader
	held []byte
}

func (r *rtuReader) next() (request, error) {
	var buf [256]byte
	for {
		for i := 0; i+rtuRequest <= len(r.held); i++ {
			f := r.held[i : i+rtuRequest]
			if binary.LittleEndian.Uint16(f[6:]) != crc(f[:6]) {
				continue
			}
			found := request{unit: f[0], function: f[1], body: append([]byte(nil), f[2:6]...)}
			r.held = append([]byte(nil), r.held[i+rtuRequest:]...)
			return found, nil
		}
		r.held = r.held[max(0, len(r.held)-rtuRequest+1):]
		n, err := r.r.Read(buf[:])
		r.held = append(r.held, buf[:n]...)
		if err != nil {
			return request{}, err
		}
	}
}

// crc returns the check sum of b, worked out byte by byte as in the appendix of the
// specification.
func crc(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, x := range b {
		sum ^= uint16(x)
		for range 8 {
			carry := sum & 1
			sum >>= 1
			sum ^= carry * 0xA001
		}
	}
	return sum
}
