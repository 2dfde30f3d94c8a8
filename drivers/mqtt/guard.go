package mqtt

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
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
	// readBuffer saves the three system calls that the library spends on each
	// packet.
	readBuffer = 32 << 10
)

// The two packet types the guard itself deals with, and the length of a PUBACK.
const (
	publishType  = 3
	pubackHeader = 4 << 4
	pubackLength = 2
)

// guard stands between the network and the client library. It looks at the
// header of every packet and passes the packet on untouched, unless it is too
// large: such a message is read past without being kept, and reported.
//
// It does not close the connection over it. The broker would send a retained
// message again after every reconnect, and one bad device would silence all.
type guard struct {
	net.Conn
	in       *bufio.Reader
	limit    int
	oversize func(topic string, size int)

	header      [5]byte // of the packet being passed on
	have, given int     // bytes of the header
	left        int     // bytes of the body not yet passed on

	write sync.Mutex
}

func newGuard(conn net.Conn, limit int, oversize func(topic string, size int)) *guard {
	return &guard{Conn: conn, in: bufio.NewReaderSize(conn, readBuffer), limit: limit, oversize: oversize}
}

// Read passes on the packets that are small enough.
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

// Write sends one packet. The guard acknowledges on its own what it refuses, so
// two goroutines write.
func (g *guard) Write(p []byte) (int, error) {
	g.write.Lock()
	defer g.write.Unlock()
	if err := g.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

// next reads the header of the next packet, and the whole packet if it is too
// large to pass on.
func (g *guard) next() error {
	size, err := g.readHeader()
	if err != nil {
		return err
	}
	if size <= g.limit {
		g.left = size
		return nil
	}
	kind := g.header[0] >> 4
	if kind != publishType {
		return fmt.Errorf("packet of type %d announces %d bytes, over the limit of %d", kind, size, g.limit)
	}
	g.have, g.given = 0, 0
	return g.swallow(size)
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

// swallow reads past a message of size bytes, of which it keeps the topic only.
func (g *guard) swallow(size int) error {
	var two [2]byte
	if _, err := io.ReadFull(g.in, two[:]); err != nil {
		return err
	}
	topic := make([]byte, binary.BigEndian.Uint16(two[:]))
	if len(topic)+4 > size {
		return fmt.Errorf("message of %d bytes announces a topic of %d", size, len(topic))
	}
	if _, err := io.ReadFull(g.in, topic); err != nil {
		return err
	}
	g.oversize(string(topic), size)
	size -= len(two) + len(topic)
	atLeastOnce := g.header[0]>>1&3 == 1
	if atLeastOnce {
		if _, err := io.ReadFull(g.in, two[:]); err != nil {
			return err
		}
		size -= len(two)
	}
	if _, err := g.in.Discard(size); err != nil {
		return err
	}
	if atLeastOnce {
		// Otherwise it would hold one of the broker's few slots for messages
		// under way until the connection ends.
		_, err := g.Write([]byte{pubackHeader, pubackLength, two[0], two[1]})
		return err
	}
	return nil
}
