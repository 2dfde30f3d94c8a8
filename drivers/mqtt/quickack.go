package mqtt

import (
	"net"
	"syscall"
	"time"
)

const (
	// flowWindow is over how many messages their pace is measured.
	flowWindow = 256
	// fastFlow is how many messages a second make it worth their while to wait
	// for each other: what is saved then is most of the time on the processor.
	fastFlow = 30_000
)

// flow measures how fast messages come.
type flow struct {
	fast  bool
	count int
	began time.Time
}

// tick counts a message and returns the time.
func (f *flow) tick() time.Time {
	now := time.Now()
	if f.count++; f.count == flowWindow {
		f.fast = now.Sub(f.began) < flowWindow*time.Second/fastFlow
		f.count, f.began = 0, now
	}
	return now
}

// hurry returns what asks the kernel not to wait with acknowledging what it has
// received on conn. Brokers send each small packet by itself and, unless told
// otherwise, hold the next one back until the one before is acknowledged: a
// gateway that only listens would hear some messages 40 ms late. The kernel
// forgets the wish by and by, so it is to be repeated.
func hurry(conn net.Conn) func() {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return func() {}
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return func() {}
	}
	wish := func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	}
	return func() { _ = raw.Control(wish) }
}
