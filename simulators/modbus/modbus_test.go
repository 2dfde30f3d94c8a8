package modbus_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	foreign "github.com/simonvetter/modbus"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/simulators/modbus"
)

// roles is a device whose values never change.
type roles map[string]float64

func (r roles) Value(role string) (float64, bool) { v, ok := r[role]; return v, ok }

// serve runs s on a free loopback port until the test ends.
func serve(t *testing.T, s *modbus.Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Serve(ctx, l); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return l.Addr().String()
}

func unit(t *testing.T, s *modbus.Server, id byte, p *drivers.Profile) *modbus.Unit {
	t.Helper()
	u, err := s.AddUnit(id, p)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func client(t *testing.T, address string, unit uint8) *foreign.ModbusClient {
	t.Helper()
	c, err := foreign.NewClient(&foreign.ClientConfiguration{URL: "tcp://" + address, Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetUnitId(unit); err != nil {
		t.Fatal(err)
	}
	return c
}

// profile returns a profile of holding registers with wire addresses, whose
// points are made by one.
func profile(points ...drivers.Point) *drivers.Profile {
	return &drivers.Profile{Name: "test", Points: points}
}

// at returns a point that asks for role "x".
func at(reg int, change func(*drivers.Point)) drivers.Point {
	p := drivers.Point{Name: fmt.Sprintf("p%d", reg), Reg: &reg, Role: fmt.Sprintf("x%d", reg)}
	if change != nil {
		change(&p)
	}
	return p
}

// exchange sends the bytes of a request and returns those of the answer.
func exchange(t *testing.T, s *modbus.Server, request string, answer int) string {
	t.Helper()
	near, far := net.Pipe()
	var serving sync.WaitGroup
	serving.Go(func() { s.ServeConn(t.Context(), far) })
	defer serving.Wait()
	defer near.Close()
	b, err := hex.DecodeString(strings.ReplaceAll(request, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := near.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := near.Write(b); err != nil {
		t.Logf("the server hung up in the middle of the request: %v", err)
	}
	got := make([]byte, answer)
	for n := 0; n < answer; {
		m, err := near.Read(got[n:])
		if n += m; err != nil {
			return fmt.Sprintf("% x %v", got[:n], err)
		}
	}
	return fmt.Sprintf("% x", got)
}

func TestRegistersFollowHandWrittenVectors(t *testing.T) {
	typed := func(typ, order string) func(*drivers.Point) {
		return func(p *drivers.Point) { p.Type, p.Order = typ, order }
	}
	scaled := func(typ string, scale, offset float64) func(*drivers.Point) {
		return func(p *drivers.Point) { p.Type, p.Scale, p.Offset = typ, &scale, offset }
	}
	na := func(typ string, codes ...int64) func(*drivers.Point) {
		return func(p *drivers.Point) { p.Type, p.NA = typ, codes }
	}
	for name, tt := range map[string]struct {
		change func(*drivers.Point)
		value  float64
		want   []uint16
	}{
		"unsigned word":                        {typed("u16", ""), 4660, []uint16{0x1234}},
		"negative word":                        {typed("i16", ""), -2, []uint16{0xFFFE}},
		"word, bytes swapped":                  {typed("u16", "BADC"), 0x1234, []uint16{0x3412}},
		"word, order of words does not matter": {typed("u16", "CDAB"), 0x1234, []uint16{0x1234}},
		"double word ABCD":                     {typed("u32", "ABCD"), 0x12345678, []uint16{0x1234, 0x5678}},
		"double word CDAB":                     {typed("u32", "CDAB"), 0x12345678, []uint16{0x5678, 0x1234}},
		"double word BADC":                     {typed("u32", "BADC"), 0x12345678, []uint16{0x3412, 0x7856}},
		"double word DCBA":                     {typed("u32", "DCBA"), 0x12345678, []uint16{0x7856, 0x3412}},
		"negative double word":                 {typed("i32", ""), -1000, []uint16{0xFFFF, 0xFC18}},
		"quadruple word":                       {typed("u64", "ABCD"), 12345678, []uint16{0, 0, 0x00BC, 0x614E}},
		"quadruple word CDAB":                  {typed("u64", "CDAB"), 12345678, []uint16{0x614E, 0x00BC, 0, 0}},
		"negative quadruple word":              {typed("i64", ""), -1, []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}},
		"float 234":                            {typed("f32", "ABCD"), 234, []uint16{0x436A, 0}},
		"float 12.5, low word first":           {typed("f32", "CDAB"), 12.5, []uint16{0, 0x4148}},
		"float 50, all swapped":                {typed("f32", "DCBA"), 50, []uint16{0, 0x4842}},
		"double 1":                             {typed("f64", ""), 1, []uint16{0x3FF0, 0, 0, 0}},
		"half 1.5":                             {typed("f16", ""), 1.5, []uint16{0x3E00}},
		"half -65504 and beyond":               {typed("f16", ""), -1e9, []uint16{0xFBFF}},
		"half, subnormal, bytes swapped":       {typed("f16", "BADC"), 1.0 / (1 << 24), []uint16{0x0100}},
		"half 0":                               {typed("f16", ""), 0, []uint16{0}},
		"upper byte":                           {typed("u8_hi", ""), 0xF2, []uint16{0xF200}},
		"lower byte, negative":                 {typed("i8_lo", ""), -14, []uint16{0x00F2}},
		"upper byte never wraps":               {typed("u8_hi", ""), 300, []uint16{0xFF00}},
		"24 bits":                              {typed("u24", "CDAB"), 0x123456, []uint16{0x3456, 0x0012}},
		"24 bits, negative":                    {typed("i24", ""), -2, []uint16{0x00FF, 0xFFFE}},
		"48 bits":                              {typed("u48", "CDAB"), 0x102030405, []uint16{0x0405, 0x0203, 0x0001}},
		"48 bits, negative":                    {typed("i48", ""), -1000, []uint16{0xFFFF, 0xFFFF, 0xFC18}},
		"sign and magnitude":                   {typed("sm16", ""), -100, []uint16{0x8064}},
		"sign and magnitude never wraps":       {typed("sm32", ""), 1e12, []uint16{0x7FFF, 0xFFFF}},
		"four digits":                          {typed("bcd16", ""), 1234, []uint16{0x1234}},
		"eight digits and beyond":              {typed("bcd32", ""), 1e9, []uint16{0x9999, 0x9999}},
		"modulo 10000":                         {typed("mod10k_2", "CDAB"), 12345678, []uint16{0x162E, 0x04D2}},
		"modulo 10000, negative":               {typed("mod10k_3", ""), -10002, []uint16{0, 0xFFFF, 0xFFFE}},
		"modulo 10000 never wraps":             {typed("mod10k_4", ""), 1e20, []uint16{0x270F, 0x270F, 0x270F, 0x270F}},
		"a moment":                             {typed("epoch32", ""), 1705315200, []uint16{0x65A5, 0x0B80}},
		"no value, half":                       {typed("f16", ""), math.NaN(), []uint16{0x7E00}},
		"no value, code of a byte":             {na("u8_lo", 0xFFFF, 0xFF), math.NaN(), []uint16{0x00FF}},
		"scale tenths":                         {scaled("u16", 0.1, 0), 230.04, []uint16{2300}},
		"scale tenths, rounded up":             {scaled("u16", 0.1, 0), 230.06, []uint16{2301}},
		"kelvin":                               {scaled("u16", 0.01, -273.15), 20, []uint16{29315}},
		"scaled float":                         {scaled("f32", 0.1, 0), 230, []uint16{0x450F, 0xC000}},
		"unsigned never wraps below":           {typed("u16", ""), -1, []uint16{0}},
		"unsigned never wraps above":           {typed("u16", ""), 70000, []uint16{0xFFFF}},
		"signed never wraps above":             {typed("i16", ""), 40000, []uint16{0x7FFF}},
		"signed never wraps below":             {typed("i32", ""), -3e9, []uint16{0x8000, 0}},
		"64 bits never wrap":                   {typed("u64", ""), 1e30, []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}},
		"no value, not available":              {na("u16", 0xFFFF), math.NaN(), []uint16{0xFFFF}},
		"no value, signed not available":       {na("i16", -32768), math.NaN(), []uint16{0x8000}},
		"no value, first code that fits":       {na("u16", 0xFFFFFFFF, 0x7FFF), math.Inf(1), []uint16{0x7FFF}},
		"no value, float":                      {typed("f32", "CDAB"), math.NaN(), []uint16{0, 0x7FC0}},
		"no value, double":                     {typed("f64", ""), math.NaN(), []uint16{0x7FF8, 0, 0, 0}},
		"no value, no code":                    {typed("u16", ""), math.NaN(), []uint16{0}},
	} {
		s := new(modbus.Server)
		unit(t, s, 1, profile(at(10, tt.change))).Update(roles{"x10": tt.value})
		c := client(t, serve(t, s), 1)
		got, err := c.ReadRegisters(10, uint16(len(tt.want)), foreign.HOLDING_REGISTER)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %04X, %v; want %04X", name, got, err, tt.want)
		}
	}
}

func TestPointsShareRegisters(t *testing.T) {
	bit := func(n int, role string, invert bool) drivers.Point {
		return drivers.Point{Name: role, Reg: new(1), Bit: &n, Role: role, Invert: invert}
	}
	bits := func(reg int, b, role string) drivers.Point {
		return drivers.Point{Name: role, Reg: &reg, Bits: b, Role: role, Type: "u32", Order: "CDAB"}
	}
	s := new(modbus.Server)
	u := unit(t, s, 1, profile(bit(0, "run", false), bit(5, "fault", false), bit(6, "door", true),
		drivers.Point{Name: "floor", Reg: new(1), Bits: "8-13", Role: "floor"},
		bits(2, "4-7", "low"), bits(2, "20-27", "high")))
	u.SetRegister(modbus.Holding, 1, 0x8002) // bits that no point owns
	u.Update(roles{"run": 1, "fault": 0, "door": 0, "floor": 7, "low": 0xA, "high": 0x5C})
	c := client(t, serve(t, s), 1)
	want := []uint16{0x8002 | 0x0001 | 0x0040 | 7<<8, 0x00A0, 0x05C0}
	if got, err := c.ReadRegisters(1, 3, foreign.HOLDING_REGISTER); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%04X, %v; want %04X", got, err, want)
	}
	u.Update(roles{"run": 0, "fault": 1, "door": 1, "floor": 63, "low": 0xFFFF, "high": 0})
	want = []uint16{0x8002 | 0x0020 | 63<<8, 0x00F0, 0}
	if got, err := c.ReadRegisters(1, 3, foreign.HOLDING_REGISTER); err != nil || !cmp.Equal(got, want) {
		t.Errorf("%04X, %v; want %04X", got, err, want)
	}
}

func TestTheDeviceTellsItsScale(t *testing.T) {
	s := new(modbus.Server)
	p := profile(
		drivers.Point{Name: "volts", Reg: new(1), Role: "voltage", Factor: &drivers.Factor{Point: "exponent", As: "exponent"}},
		drivers.Point{Name: "exponent", Reg: new(2), NA: []int64{0x8000}},
		drivers.Point{Name: "amps", Reg: new(3), Role: "current", Factor: &drivers.Factor{Point: "ratio"}},
		drivers.Point{Name: "ratio", Reg: new(4), Scale: new(0.1)})
	unit(t, s, 1, p).Update(roles{"voltage": 230, "current": 12})
	got, err := client(t, serve(t, s), 1).ReadRegisters(1, 4, foreign.HOLDING_REGISTER)
	if want := []uint16{230, 0, 12, 10}; err != nil || !cmp.Equal(got, want) {
		t.Errorf("%d, %v; want %d", got, err, want)
	}
}

func TestEachTableIsItsOwn(t *testing.T) {
	in := func(table string) drivers.Point {
		return drivers.Point{Name: table, Reg: new(3), Table: table, Role: table}
	}
	s := new(modbus.Server)
	unit(t, s, 1, profile(in("coil"), in("discrete"), in("holding"), in("input"))).
		Update(roles{"coil": 1, "discrete": 0, "holding": 11, "input": 22})
	c := client(t, serve(t, s), 1)
	coil, err1 := c.ReadCoil(3)
	discrete, err2 := c.ReadDiscreteInput(3)
	holding, err3 := c.ReadRegister(3, foreign.HOLDING_REGISTER)
	input, err4 := c.ReadRegister(3, foreign.INPUT_REGISTER)
	if err := errors.Join(err1, err2, err3, err4); err != nil || !coil || discrete || holding != 11 || input != 22 {
		t.Errorf("coil %v, discrete %v, holding %d, input %d, %v", coil, discrete, holding, input, err)
	}
}

func TestNumberingAndUnitsAndRepeatedRoles(t *testing.T) {
	p := &drivers.Profile{Name: "test", Defaults: drivers.Defaults{Numbering: "modicon5", NA: []int64{0xFFFF}}, Points: []drivers.Point{
		{Name: "outlet", Reg: new(40001), Role: "pressure.outlet", Unit: "bar", Scale: new(0.001)},
		{Name: "one", Reg: new(40002), Role: "fire_alarm"},
		{Name: "two", Reg: new(40003), Role: "fire_alarm"},
		{Name: "three", Reg: new(40004), Role: "fire_alarm"},
		{Name: "mode", Reg: new(30001)},
		{Name: "power", Reg: new(30002), Unit: "%"},
	}}
	s := new(modbus.Server)
	u := unit(t, s, 1, p)
	c := client(t, serve(t, s), 1)
	read := func(kind foreign.RegType, n uint16) []uint16 {
		got, err := c.ReadRegisters(0, n, kind)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := read(foreign.HOLDING_REGISTER, 4); !cmp.Equal(got, []uint16{0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF}) {
		t.Errorf("before the first update %04X", got)
	}
	u.Update(roles{"pressure.outlet": 0.45, "fire_alarm:2": 1, "fire_alarm": 0, ".mode": 4, "power": 1500})
	if got := read(foreign.HOLDING_REGISTER, 4); !cmp.Equal(got, []uint16{4500, 0, 1, 0}) {
		t.Errorf("holding %v", got)
	}
	if got := read(foreign.INPUT_REGISTER, 2); !cmp.Equal(got, []uint16{4, 0xFFFF}) {
		t.Errorf("a point without role is asked for by its name: %v", got)
	}
	if p.Points[0].Type != "" {
		t.Error("AddUnit has changed the caller's profile")
	}
}

func TestOnlyWhatTheDeviceHasCanBeRead(t *testing.T) {
	p := profile(at(10, nil), at(13, nil), at(30, nil))
	p.Limits = drivers.Limits{MaxRegs: 16, MaxGap: new(2)}
	s := new(modbus.Server)
	u := unit(t, s, 1, p)
	u.Update(roles{"x10": 1, "x13": 2, "x30": 3})
	c := client(t, serve(t, s), 1)
	for name, tt := range map[string]struct {
		first, count uint16
		want         []uint16
		err          error
	}{
		"across a gap reads zeros":         {10, 4, []uint16{1, 0, 0, 2}, nil},
		"before the first":                 {9, 2, nil, foreign.ErrIllegalDataAddress},
		"behind the last":                  {30, 2, nil, foreign.ErrIllegalDataAddress},
		"across a gap that is too wide":    {13, 16, nil, foreign.ErrIllegalDataAddress},
		"more than the device takes":       {10, 17, nil, foreign.ErrIllegalDataValue},
		"past the end of the address room": {0xFFFF, 1, nil, foreign.ErrIllegalDataAddress},
	} {
		got, err := c.ReadRegisters(tt.first, tt.count, foreign.HOLDING_REGISTER)
		if !errors.Is(err, tt.err) || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, tt.want, tt.err)
		}
	}
	if _, err := c.ReadRegisters(10, 1, foreign.INPUT_REGISTER); !errors.Is(err, foreign.ErrIllegalDataAddress) {
		t.Errorf("a table the device has not: %v", err)
	}
	if err := c.WriteRegister(10, 5); !errors.Is(err, foreign.ErrIllegalFunction) {
		t.Errorf("a write: %v", err)
	}
	if err := c.SetUnitId(9); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadRegister(10, foreign.HOLDING_REGISTER); !errors.Is(err, foreign.ErrGWTargetFailedToRespond) {
		t.Errorf("a unit that is not there: %v", err)
	}
}

func TestFramesAreThoseOfTheSpecification(t *testing.T) {
	s := new(modbus.Server)
	u := unit(t, s, 0x11, nil)
	for i, v := range []uint16{0xAE41, 0x5652, 0x4340} {
		u.SetRegister(modbus.Holding, 0x6B+uint16(i), v)
	}
	for i, on := range []uint16{1, 0, 1, 1, 0, 0, 1, 1, 1, 1} {
		u.SetRegister(modbus.Coil, 19+uint16(i), on)
	}
	for name, tt := range map[string]struct{ request, want string }{
		"holding registers":     {"0001 0000 0006 11 03 006B 0003", "00 01 00 00 00 09 11 03 06 ae 41 56 52 43 40"},
		"coils, lowest first":   {"1234 0000 0006 11 01 0013 000A", "12 34 00 00 00 05 11 01 02 cd 03"},
		"address":               {"0002 0000 0006 11 03 006C 0003", "00 02 00 00 00 03 11 83 02"},
		"quantity 0":            {"0003 0000 0006 11 03 006B 0000", "00 03 00 00 00 03 11 83 03"},
		"quantity 126":          {"0003 0000 0006 11 03 006B 007E", "00 03 00 00 00 03 11 83 03"},
		"2001 coils":            {"0003 0000 0006 11 01 0013 07D1", "00 03 00 00 00 03 11 81 03"},
		"function 6":            {"0004 0000 0006 11 06 006B 0001", "00 04 00 00 00 03 11 86 01"},
		"function 23":           {"0004 0000 0002 11 17", "00 04 00 00 00 03 11 97 01"},
		"a body too short":      {"0005 0000 0004 11 03 006B", "00 05 00 00 00 03 11 83 03"},
		"nobody there":          {"0006 0000 0006 12 03 006B 0001", "00 06 00 00 00 03 12 83 0b"},
		"another protocol":      {"0007 0001 0006 11 03 006B 0001", " EOF"},
		"a length of nothing":   {"0008 0000 0001 11", " EOF"},
		"a length of too much":  {"0008 0000 0100 11", " EOF"},
		"end of address space":  {"0009 0000 0006 11 03 FFFF 0002", "00 09 00 00 00 03 11 83 02"},
		"wrapping address zero": {"0009 0000 0006 11 01 FFFF 07D0", "00 09 00 00 00 03 11 81 02"},
	} {
		n := (len(tt.want) + 1) / 3
		if tt.want == " EOF" {
			n = 1
		}
		if got := exchange(t, s, tt.request, n); got != tt.want {
			t.Errorf("%s: answer %s, want %s", name, got, tt.want)
		}
	}
}

func TestWhatCannotBeLaidOutSaysWhy(t *testing.T) {
	for want, p := range map[string]drivers.Point{
		`point a: unknown type "u17"`:                   {Reg: new(1), Type: "u17"},
		"point a: no register":                          {},
		"point a: bits 14 to 17 do not lie in 16":       {Reg: new(1), Bits: "14-17"},
		`point a: bits "upper"`:                         {Reg: new(1), Bits: "upper"},
		"point a: bits 16 to 16 do not lie in 16":       {Reg: new(1), Bit: new(16)},
		"point a: register 70000":                       {Reg: new(70000)},
		"point a: role current: A (current) cannot be ": {Reg: new(1), Role: "current", Unit: "%"},
	} {
		p.Name = "a"
		if _, err := new(modbus.Server).AddUnit(1, profile(p)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	s := new(modbus.Server)
	unit(t, s, 1, nil)
	if _, err := s.AddUnit(1, nil); err == nil {
		t.Error("one unit was added twice")
	}
}

// mbpoll returns a function that runs mbpoll once with the arguments.
func mbpoll(t *testing.T) func(args ...string) string {
	t.Helper()
	path, err := exec.LookPath("mbpoll")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("mbpoll is missing: apt-get install mbpoll")
		}
		t.Skip("mbpoll is missing: apt-get install mbpoll")
	}
	return func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), path, append([]string{"-0", "-1", "-a", "7"}, args...)...).CombinedOutput()
		if err != nil {
			t.Logf("mbpoll: %v", err)
		}
		return string(out)
	}
}

// polled puts unit 7 behind s, which holds what expectPolled looks for.
func polled(t *testing.T, s *modbus.Server) {
	t.Helper()
	f32 := func(reg int, role string) drivers.Point {
		return drivers.Point{Name: role, Reg: &reg, Role: role, Type: "f32", Table: "input"}
	}
	u := unit(t, s, 7, profile(f32(0, "a"), f32(2, "b"), at(4, nil),
		drivers.Point{Name: "c", Reg: new(5), Table: "discrete", Role: "c"}))
	u.Update(roles{"a": 234, "b": -0.5, "x4": 4711, "c": 1})
}

// expectPolled reads unit 7 with mbpoll, which reaches it by what follows its
// own arguments.
func expectPolled(t *testing.T, poll func(args ...string) string, where ...string) {
	t.Helper()
	for _, tt := range []struct{ args, want string }{
		{"-t 3:float -B -r 0 -c 2", "[0]: \t234\n[2]: \t-0.5\n"},
		{"-t 4 -r 4", "[4]: \t4711\n"},
		{"-t 1 -r 5", "[5]: \t1\n"},
		{"-t 4 -r 90", "Illegal data address"},
	} {
		if got := poll(append(strings.Fields(tt.args), where...)...); !strings.Contains(got, tt.want) {
			t.Errorf("mbpoll %s says\n%s\nwant %q", tt.args, got, tt.want)
		}
	}
}

func TestMbpollReads(t *testing.T) {
	poll, s := mbpoll(t), new(modbus.Server)
	polled(t, s)
	host, port, _ := net.SplitHostPort(serve(t, s))
	expectPolled(t, poll, "-p", port, host)
}
