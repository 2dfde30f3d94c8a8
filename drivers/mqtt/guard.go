package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// maxPacket is the largest packet taken from the broker, in bytes. The
	// protocol allows 256 MiB, and the client library would allocate them all
	// on the word of a 5-byte header.
	maxPacket = 256 << 10
	// writeTimeout is how long one packet to the broker may take.
	writeTimeout = 10 * time.Second
	// readBuffer holds the messages that one system call brings; larger ones
	// are put together elsewhere.
	readBuffer = 32 << 10
)

// The types of packets the guard itself deals with, MQTT 3.1.1 section 2.2.1.
const (
	publishType = 3
	pubackType  = 4
	pubrecType  = 5
)

// publication is one message as the broker sent it.
type publication struct {
	topic, payload []byte // valid until the guard reads on
	size           int    // of the packet
	retained       bool
	again          bool    // the broker says that it may have sent it before
	oversize       bool    // the payload was too large to be taken
	receipt        receipt // of QoS 0: none
}

var errCutOff = errors.New("message is shorter than it says")

// receipt is what the broker waits for before it forgets a message.
type receipt struct {
	guard *guard // the connection it came over; nil for none
	id    uint16
	kind  byte // of the packet to answer with
}

// guard stands between the network and the client library. It takes the messages
// out of the stream and passes every other packet on untouched: the library
// would carry each message through three channels and acknowledge it alone.
//
// A message that is too large is read past without being kept, and reported.
// The guard does not close the connection over it: the broker would send a
// retained message again after every reconnect, and one bad device would
// silence all.
type guard struct {
	net.Conn
	in    *bufio.Reader
	limit int
	take  func(publication) // called for each message
	pause func()            // called before the guard waits for the network

	header      [5]byte // of the packet being passed on
	have, given int     // bytes of the header
	left        int     // bytes of the body not yet passed on
	large       []byte  // a message that does not fit the buffer

	write   sync.Mutex
	answers []byte // guarded by write
}

func newGuard(conn net.Conn, limit int, take func(publication), pause func()) *guard {
	return &guard{Conn: conn, in: bufio.NewReaderSize(conn, readBuffer), limit: limit, take: take, pause: pause}
}

// Read passes on the packets that are no messages.
func (g *guard) Read(p []byte) (int, error) {
	for g.given == g.have && g.left == 0 {
		if err := g.next(); err != nil {
			return 0, err
		}
	}
	if g.given < g.have {
		n := copy(p, g.header[g.given:g.have])
		g.given += n
		return n, nil
	}
	n, err := g.in.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// Write sends one packet. The guard acknowledges on its own, so two goroutines
// write.
func (g *guard) Write(p []byte) (int, error) {
	g.write.Lock()
	defer g.write.Unlock()
	return g.send(p)
}

func (g *guard) send(p []byte) (int, error) {
	if err := g.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// acknowledge answers the receipts that belong to this connection, all at once.
// Those of a connection that is gone are left: the broker sends their messages
// again.
func (g *guard) acknowledge(receipts []receipt) error {
	g.write.Lock()
	defer g.write.Unlock()
	g.answers = g.answers[:0]
	for _, r := range receipts {
		if r.guard == g {
			g.answers = append(g.answers, r.kind<<4, 2, byte(r.id>>8), byte(r.id))
		}
	}
	_, err := g.send(g.answers)
	return err
}

// next reads the next packet if it is a message, or else its header.
func (g *guard) next() error {
	g.waitFor(len(g.header))
	size, err := g.readHeader()
	if err != nil {
		return err
	}
	switch kind := g.header[0] >> 4; {
	case kind == publishType:
		g.have, g.given = 0, 0
		return g.message(g.header[0], size)
	case size > g.limit:
		return fmt.Errorf("packet of type %d announces %d bytes, over the limit of %d", kind, size, g.limit)
	}
	g.left = size
	return nil
}

// waitFor tells that the guard may have to wait for n bytes.
func (g *guard) waitFor(n int) {
	if g.in.Buffered() < n {
		g.pause()
	}
}

// readHeader reads the fixed header of a packet and returns the length of what
// follows it. MQTT 3.1.1 section 2.2.3: at most four bytes of seven bits each.
func (g *guard) readHeader() (size int, err error) {
	g.have, g.given = 0, 0
	for g.have < len(g.header) {
		b, err := g.in.ReadByte()
		if err != nil {
			return 0, err
		}
		g.header[g.have] = b
		g.have++
		if g.have == 1 {
			continue
		}
		size |= int(b&0x7f) << (7 * (g.have - 2))
		if b < 0x80 {
			return size, nil
		}
	}
	return 0, errors.New("packet length runs over four bytes")
}

// message takes a message of size bytes after its fixed header.
func (g *guard) message(flags byte, size int) error {
	wanted := size
	if size > g.limit {
		two, err := g.in.Peek(2)
		if err != nil {
			return err
		}
		wanted = min(size, len(two)+int(binary.BigEndian.Uint16(two))+2) // topic and identifier
	}
	g.waitFor(wanted)
	body, ahead, err := g.body(wanted)
	if err != nil {
		return err
	}
	p, err := parsePublication(flags, body)
	if err != nil {
		return err
	}
	if p.size = size; size > g.limit {
		p.payload, p.oversize = nil, true
	}
	p.receipt.guard = g
	g.take(p)
	_, err = g.in.Discard(ahead + size - wanted)
	return err
}

// body returns the next n bytes, of which ahead are still to be read past. They
// are valid until then.
func (g *guard) body(n int) (body []byte, ahead int, err error) {
	if n <= g.in.Size() {
		body, err = g.in.Peek(n)
		return body, n, err
	}
	g.large = slices.Grow(g.large[:0], n)[:n]
	_, err = io.ReadFull(g.in, g.large)
	return g.large, 0, err
}

// parsePublication reads what follows the fixed header of a message. MQTT 3.1.1
// section 3.3: the topic with its length, with QoS 1 and 2 an identifier, the
// payload.
func parsePublication(flags byte, body []byte) (p publication, err error) {
	if len(body) < 2 {
		return p, errCutOff
	}
	topic := 2 + int(binary.BigEndian.Uint16(body))
	if topic > len(body) {
		return p, errCutOff
	}
	p.topic, p.payload = body[2:topic], body[topic:]
	p.retained, p.again = flags&1 != 0, flags&8 != 0
	switch flags >> 1 & 3 {
	case 0:
		return p, nil
	case 1:
		p.receipt.kind = pubackType
	case 2: // asked for by an earlier user of the session; the library does the rest
		p.receipt.kind = pubrecType
	default:
		return p, errors.New("message of quality 3")
	}
	if len(p.payload) < 2 {
		return p, errCutOff
	}
	p.receipt.id, p.payload = binary.BigEndian.Uint16(p.payload), p.payload[2:]
	return p, nil
}
