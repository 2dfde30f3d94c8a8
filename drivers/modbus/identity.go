package modbus

import (
	"fmt"
	"strings"
)

// Read Device Identification (Modbus Application Protocol V1.1b3, 6.21): function
// 43 with MEI type 14. The answer has no byte count: header, then objects of a
// number, a length and as many bytes.
const (
	identify       = 0x2B
	identifyMEI    = 0x0E
	identifyBasic  = 1 // vendor, product code and revision
	identifyAll    = 2 // and what the maker has added
	identityHeader = 6 // MEI, access, conformity, more follows, next object, number of objects
	// identityParts is how many answers the objects of one device may take.
	identityParts = 8
)

// Identity is what a device says of itself; "" for what it does not tell.
type Identity struct {
	Vendor   string `json:"vendor,omitempty"`
	Code     string `json:"product_code,omitempty"`
	Revision string `json:"revision,omitempty"`
	URL      string `json:"url,omitempty"`
	Product  string `json:"product,omitempty"`
	Model    string `json:"model,omitempty"`
}

// String returns what is known in one line.
func (i Identity) String() string {
	var known []string
	for _, s := range []string{i.Vendor, i.Product, i.Model, i.Code, i.Revision} {
		if s != "" {
			known = append(known, s)
		}
	}
	return strings.Join(known, ", ")
}

// put takes object number n.
func (i *Identity) put(n byte, text string) {
	fields := [...]*string{&i.Vendor, &i.Code, &i.Revision, &i.URL, &i.Product, &i.Model}
	if int(n) < len(fields) {
		*fields[n] = text
	}
}

// identitySize returns how long the identification at the beginning of b is, from
// its MEI type on; 0 if b does not hold enough to tell.
func identitySize(b []byte) (int, error) {
	if len(b) < identityHeader {
		return 0, nil
	}
	if b[0] != identifyMEI {
		return 0, fmt.Errorf("%w: MEI type %d", errFrame, b[0])
	}
	size := identityHeader
	for range b[identityHeader-1] {
		if len(b) < size+2 {
			return 0, nil
		}
		size += 2 + int(b[size+1])
	}
	return size, nil
}

// checkIdentity says whether payload is one whole identification.
func checkIdentity(payload []byte) error {
	size, err := identitySize(payload)
	switch {
	case err != nil:
		return err
	case size == 0 || size > len(payload):
		return fmt.Errorf("%w: an identification that ends in the middle", errShort)
	case size < len(payload):
		return fmt.Errorf("%w: %d bytes behind the identification", errFrame, len(payload)-size)
	}
	return nil
}

// take adds the objects of payload, which is whole, and returns the number of the
// object to go on with, or 0 if there are no more.
func (i *Identity) take(payload []byte) (next byte) {
	for at := identityHeader; at < len(payload); {
		n, size := payload[at], int(payload[at+1])
		i.put(n, printable(payload[at+2:at+2+size]))
		at += 2 + size
	}
	if payload[3] != 0 {
		next = payload[4]
	}
	return next
}

// printable returns text without what a terminal would not print: it is typed
// by a device.
func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7F || r == '\uFFFD' {
			return -1
		}
		return r
	}, string(b)))
}
