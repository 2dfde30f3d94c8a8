package modbus

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

func sealed8(s string) []byte {
	b := bytesOf(s)
	sum := crc(b)
	return append(b, byte(sum), byte(sum>>8))
}

// TestChecksumOfTheSpecification is the example of Modbus over Serial Line
// V1.02, 6.2.2.
func TestChecksumOfTheSpecification(t *testing.T) {
	if got := crc([]byte{0x02, 0x07}); got != 0x1241 {
		t.Errorf("crc is %04X, want 1241", got)
	}
}

// TestFind looks for the answer to a read of one kind in what was heard.
func TestFind(t *testing.T) {
	const request = "11 03 006B 0003"
	answer := "11 03 06 022B 0000 0064"
	for _, tt := range []struct {
		name, request, heard string
		answer               bool
		end                  int
		err                  error
	}{
		{"the answer", request, answer, true, 11, nil},
		{"a refusal", request, "11 83 02", true, 5, nil},
		{"the answer of another unit", request, "12 03 06 022B 0000 0064", false, 0, nil},
		{"the answer to another function", request, "11 04 06 022B 0000 0064", false, 0, nil},
		{"a refusal without a reason", request, "11 83 00", false, 0, errFrame},
		{"too few registers", request, "11 03 04 022B 0000", false, 9, errShort},
		{"too many registers", request, "11 03 08 022B 0000 0064 0000", false, 13, errFrame},
		{"an owed answer", request, "11 03 0A 022B 0000 0064 0000 0000", false, 15, nil},
		// This echo is, read as an answer, three bytes of coils.
		{"an echo that could be the answer", "11 01 03 13 00 13", "11 01 03 13 00 13", false, 8, nil},
	} {
		r := &rtu{debts: []debt{{0x11, 3, 10, time.Time{}}}}
		got, end, err := r.find(sealed8(tt.request), sealed8(tt.heard))
		var want []byte
		if tt.answer {
			want = sealed8(tt.heard)
		}
		if end != tt.end || !errors.Is(err, tt.err) || !bytes.Equal(got, want) {
			t.Errorf("%s: % x up to %d, %v; want % x up to %d, %v", tt.name, got, end, err, want, tt.end, tt.err)
		}
	}
}

// TestMarkers checks that a marker cannot be taken for what is owed.
func TestMarkers(t *testing.T) {
	for _, request := range []string{
		"01 03 0000 0001", "01 03 FFFF 0001", "01 04 0010 0002", "01 03 0010 0003", "01 03 0000 007D",
		"01 01 0000 0001", "01 02 FFF8 0008", "01 01 0010 07D0",
	} {
		r := &rtu{}
		asked := sealed8(request)
		for n := range 20 {
			r.incur(question{request: asked})
			asked = r.marker(sealed8(request))
			first, count := int(asked[2])<<8|int(asked[3]), int(asked[4])<<8|int(asked[5])
			size, most := answerSize(asked), maxRegisters
			if Table(asked[1]).Single() {
				most = maxBits
			}
			if r.owes(asked, size) || !sealed(asked) || count < 1 || count > most || first+count > 1<<16 {
				t.Fatalf("%s: marker %d asks for %d from %d on: % x", request, n, count, first, asked)
			}
		}
	}
}

// FuzzFind lets any bytes be heard. What comes out must be what was asked for,
// as it was heard.
func FuzzFind(f *testing.F) {
	f.Add(sealed8("11 03 06 022B 0000 0064"), byte(0x11), byte(3), uint16(3), uint8(0))
	f.Add(append(sealed8("11 03 006B 0003"), sealed8("11 83 02")...), byte(0x11), byte(3), uint16(3), uint8(2))
	f.Add(append(bytesOf("00 11 03"), sealed8("11 01 03 CD6B05")...), byte(0x11), byte(1), uint16(19), uint8(3))
	f.Fuzz(func(t *testing.T, heard []byte, unit, table byte, count uint16, owed uint8) {
		request := []byte{unit, 1 + table%4, 0, 0x6B, 0, byte(1 + count%maxRegisters)}
		request = append(request, byte(crc(request)), byte(crc(request)>>8))
		r := &rtu{debts: []debt{{unit, request[1], int(owed), time.Time{}}}}
		got, end, err := r.find(request, heard)
		if end < 0 || end > len(heard) || err != nil && got != nil {
			t.Fatalf("% x up to %d of %d, %v", got, end, len(heard), err)
		}
		r.unanswered(request, heard, errClosed)
		r.pay(heard)
		if got == nil {
			return
		}
		if !bytes.HasSuffix(heard[:end], got) || !sealed(got) || got[0] != unit {
			t.Fatalf("% x was not heard from unit %d", got, unit)
		}
		data := got[1] == request[1] && len(got) == rtuOverhead+answerSize(request) && int(got[2]) == answerSize(request)
		if refusal := got[1] == request[1]|exceptionBit && len(got) == rtuException && got[2] != 0; !data && !refusal {
			t.Fatalf("% x does not answer % x", got, request)
		}
	})
}
