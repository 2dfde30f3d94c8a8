package modbus

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/goburrow/modbus"

	"github.com/intact-gateway/intact/gateway"
)

func bytesOf(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// TestVectorsOfTheSpecification checks requests and answers as the Modbus
// Application Protocol V1.1b3 prints them in 6.1 to 6.4 and 7, each behind the
// header of Modbus Messaging on TCP/IP.
func TestVectorsOfTheSpecification(t *testing.T) {
	tests := []struct {
		name           string
		request, reply string
		want           error
	}{
		{"read coils 20 to 38", "0001 0000 0006 11 01 0013 0013", "0001 0000 0006 11 01 03 CD6B05", nil},
		{"read discrete inputs 197 to 218", "0002 0000 0006 11 02 00C4 0016", "0002 0000 0006 11 02 03 ACDB35", nil},
		{"read holding registers 108 to 110", "0003 0000 0006 11 03 006B 0003", "0003 0000 0009 11 03 06 022B 0000 0064", nil},
		{"read input register 9", "0004 0000 0006 11 04 0008 0001", "0004 0000 0005 11 04 02 000A", nil},
		{"illegal data address", "0005 0000 0006 0A 01 04A1 0001", "0005 0000 0003 0A 81 02", nil},
		{"an older id, over the turn of the counter", "0002 0000 0006 11 04 0008 0001", "FFFE 0000 0005 11 04 02 000A", errStale},
		{"an id to come", "FFFE 0000 0006 11 04 0008 0001", "0002 0000 0005 11 04 02 000A", errFrame},
		{"coils of one byte too few", "0001 0000 0006 11 01 0013 0013", "0001 0000 0005 11 01 02 CD6B", errShort},
		{"coils of one byte too many", "0001 0000 0006 11 01 0013 0013", "0001 0000 0007 11 01 04 CD6B0500", errFrame},
		{"another unit", "0004 0000 0006 11 04 0008 0001", "0004 0000 0005 12 04 02 000A", errFrame},
		{"another function", "0004 0000 0006 11 04 0008 0001", "0004 0000 0005 11 03 02 000A", errFrame},
		{"a byte count that lies", "0004 0000 0006 11 04 0008 0001", "0004 0000 0005 11 04 04 000A", errFrame},
		{"an exception without a reason", "0005 0000 0006 0A 01 04A1 0001", "0005 0000 0003 0A 81 00", errFrame},
		{"an exception with more behind it", "0005 0000 0006 0A 01 04A1 0001", "0005 0000 0004 0A 81 02 00", errFrame},
	}
	for _, tt := range tests {
		reply := bytesOf(tt.reply)
		if n, err := frameSize(reply); n != len(reply) || err != nil {
			t.Errorf("%s: the frame has %d bytes, %v; want %d", tt.name, n, err, len(reply))
		}
		if err := check(bytesOf(tt.request), reply); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestFrameSize(t *testing.T) {
	for in, want := range map[string]int{"": 0, "0001 0000 00": 0, "0001 0000 0003": 9, "0001 0000 00FE": 260} {
		if n, err := frameSize(bytesOf(in)); n != want || err != nil {
			t.Errorf("%s: %d, %v; want %d", in, n, err, want)
		}
	}
	for _, in := range []string{"0001 0001 0006", "0001 0000 0000", "0001 0000 0002", "0001 0000 00FF", "0001 0000 FFFF"} {
		if n, err := frameSize(bytesOf(in)); !errors.Is(err, errFrame) {
			t.Errorf("%s: %d, %v", in, n, err)
		}
	}
}

// bytesWaiting is a stream on which bytes have come already.
type bytesWaiting struct{ data []byte }

func (s *bytesWaiting) Read(b []byte) (int, error) {
	if len(s.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, s.data[:min(len(s.data), 1+len(s.data)/2)])
	s.data = s.data[n:]
	return n, nil
}

func (s *bytesWaiting) Write(b []byte) (int, error)   { return len(b), nil }
func (s *bytesWaiting) SetDeadline(_ time.Time) error { return nil }
func (s *bytesWaiting) Close() error                  { return nil }

// FuzzAnswer lets any bytes arrive. What comes out must be as many bytes as
// were asked for, an exception that the bytes hold, or one of our own errors;
// the library must find nothing to object to.
func FuzzAnswer(f *testing.F) {
	f.Add(bytesOf("0001 0000 0009 11 03 06 022B 0000 0064"), byte(0x11), byte(3), uint16(3))
	f.Add(bytesOf("0000 0000 0003 11 83 02 0001 0000 0003 11 83 02"), byte(0x11), byte(3), uint16(3))
	f.Add(bytesOf("0001 0000 0006 11 01 03 CD6B05"), byte(0x11), byte(1), uint16(19))
	f.Fuzz(func(t *testing.T, data []byte, unitID, table byte, count uint16) {
		r := Request{Table: Table(1 + table%4), Count: 1 + count%maxRegisters}
		l := &line{
			ctx: context.Background(), log: slog.New(slog.DiscardHandler), framing: new(mbap), longest: maxBackOff,
			open: func(context.Context) (stream, error) { return &bytesWaiting{data: data}, nil },
		}
		counters := &counters{units: make([]tally, 1)}
		p := &port{line: l, timeout: time.Second}
		u := &unit{client: modbus.NewClient2(l.framing.packager(unitID), p), port: p, counters: counters}
		got, _, err := u.read(&r)
		want := 2 * int(r.Count)
		if r.Table.Single() {
			want = (int(r.Count) + 7) / 8
		}
		switch quality(err) {
		case gateway.Good:
			if len(got) != want || !strings.Contains(string(data), string(got)) {
				t.Errorf("%d bytes for %d that were asked for", len(got), want)
			}
		case gateway.BadException:
			if !strings.Contains(string(data), string([]byte{unitID, byte(r.Table) | exceptionBit, exceptionCode(err)})) {
				t.Errorf("an exception nobody sent: %v", err)
			}
		case gateway.BadShort, gateway.BadClosed:
		case gateway.BadFrame:
			if !errors.Is(err, errFrame) {
				t.Errorf("an error that is not ours: %v", err)
			}
		default:
			t.Errorf("outcome %s: %v", quality(err), err)
		}
		if (err == nil || exceptionCode(err) != 0) != (l.conn != nil) {
			t.Errorf("after %v the connection is %v", err, l.conn)
		}
	})
}

// FuzzPipeline lets any bytes arrive while four requests are on their way. Each
// of them gets an answer that the bytes hold, with its own id, unit, function and
// length, or none.
func FuzzPipeline(f *testing.F) {
	f.Add(bytesOf("0002 0000 0007 12 03 04 00010002 0001 0000 0005 11 03 02 0009 0003 0000 0003 11 83 02"))
	f.Add(bytesOf("0002 0000 0005 11 03 02 0001 0002 0000 0005 11 03 02 0002"))
	f.Add(bytesOf("0004 0000 0005 11 03 02 0001 0004 0000 0005 11 03 02 0001 0001 0000 0005"))
	reads := []read{
		{0x11, HoldingRegisters, 0, 1}, {0x12, HoldingRegisters, 0, 2}, {0x11, HoldingRegisters, 9, 1}, {0x11, InputRegisters, 0, 1},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(mbap)
		l := &line{
			ctx: context.Background(), log: slog.New(slog.DiscardHandler), framing: m, longest: maxBackOff, pipeline: len(reads),
			detach: func() bool { return true }, conn: &bytesWaiting{data: data},
		}
		l.lookAhead(reads)
		for _, r := range reads {
			request := r.frame()
			answer, err := m.exchange(l, question{request: request[:], wait: time.Second, timeout: time.Second})
			if err != nil {
				if l.conn != nil || len(l.flights.open) > 0 {
					t.Fatalf("after %v there is %v with %d requests", err, l.conn, len(l.flights.open))
				}
				return
			}
			if !strings.Contains(string(data), string(answer)) {
				t.Errorf("an answer that nobody sent: % x", answer)
			}
			if string(answer[:2]) != string(request[:2]) || check(request[:], answer) != nil {
				t.Errorf("% x was answered with % x", request, answer)
			}
			if l.conn == nil {
				return // what is behind the answer has no beginning
			}
		}
	})
}
