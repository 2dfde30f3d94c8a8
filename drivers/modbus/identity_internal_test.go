package modbus

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The answer is the example of the Modbus Application Protocol V1.1b3, 6.21,
// without its function code.
var identityExample = []byte("\x0E\x01\x01\x00\x00\x03" + "\x00\x16Company identification" + "\x01\x0DProduct code " + "\x02\x05V2.11")

func TestAnIdentificationIsReadAsTheSpecificationSays(t *testing.T) {
	if err := checkIdentity(identityExample); err != nil {
		t.Fatal(err)
	}
	var id Identity
	if next := id.take(identityExample); next != 0 {
		t.Errorf("more objects from %d on", next)
	}
	if diff := cmp.Diff(Identity{Vendor: "Company identification", Code: "Product code", Revision: "V2.11"}, id); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	more := append([]byte(nil), identityExample...)
	more[3], more[4] = 0xFF, 4
	if next := id.take(more); next != 4 {
		t.Errorf("more follows from object 4 on, read %d", next)
	}
}

func TestAnIdentificationIsWholeOrNone(t *testing.T) {
	for n := range identityExample {
		if err := checkIdentity(identityExample[:n]); !errors.Is(err, errShort) {
			t.Errorf("cut at %d: %v", n, err)
		}
	}
	if err := checkIdentity(append(append([]byte(nil), identityExample...), 0)); !errors.Is(err, errFrame) {
		t.Errorf("a byte too much: %v", err)
	}
	if err := checkIdentity([]byte{0x0D, 1, 1, 0, 0, 0}); !errors.Is(err, errFrame) {
		t.Errorf("another MEI type: %v", err)
	}
}

// FuzzIdentity lets any bytes be an identification: what is taken for a whole one
// can be read to its end.
func FuzzIdentity(f *testing.F) {
	f.Add(identityExample)
	f.Add([]byte{0x0E, 2, 0x83, 0xFF, 4, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		size, err := identitySize(b)
		if err == nil && size > 0 && size < identityHeader {
			t.Fatalf("%d bytes", size)
		}
		if checkIdentity(b) == nil {
			var id Identity
			id.take(b)
		}
	})
}
