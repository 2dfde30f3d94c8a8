package web

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/intact-gateway/intact/gateway"
)

// noValue is shown where a value is missing or bad. It is never a 0.
const noValue = "—"

// unitSigns are the units that people write otherwise than profiles do.
var unitSigns = map[string]string{
	"degC": "°C", "degF": "°F", "m3": "m³", "m3/h": "m³/h", "pH": "", "ratio": "",
}

// kilos are the units of which people read thousands: 78.4 kW, not 78367 W.
var kilos = map[string]string{"W": "kW", "VA": "kVA", "var": "kvar", "Wh": "kWh"}

// unitSign returns the unit u as people write it.
func unitSign(u string) string {
	if s, ok := unitSigns[u]; ok {
		return s
	}
	return u
}

// valueText returns the value of a sample as people read it, with its unit.
func valueText(p *gateway.Point, v gateway.Sample, w words) string {
	v = honest(v)
	if !v.Quality.HasValue() {
		return noValue
	}
	return numberText(p, v.Value, w)
}

// numberText returns the number v as a value of p.
func numberText(p *gateway.Point, v float64, w words) string {
	switch {
	case number(v) == nil:
		return noValue
	case p.Kind == gateway.Enum:
		return stateText(p, v, w)
	case p.Kind == gateway.Discrete:
		return bitText(p, v, w)
	case p.Kind == gateway.Bitset:
		return flagsText(p, v, w)
	}
	unit, decimals := p.Unit, p.Decimals
	if kilo, ok := kilos[unit]; ok && math.Abs(v) >= 10_000 {
		v, unit, decimals = v/1000, kilo, 1
	}
	n := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(n, "-0.") == "" {
		n = strings.TrimPrefix(n, "-") // rounded to nothing: no sign left
	}
	switch u := unitSign(unit); u {
	case "":
		return n
	case "%":
		return n + u
	default:
		return n + "\u00a0" + u
	}
}

// stateText names the state v stands for. A code without a name is shown as the
// number it is, so that it can be looked up in the manual of the device.
func stateText(p *gateway.Point, v float64, w words) string {
	if s, ok := p.States[int64(v)]; ok && v == math.Trunc(v) {
		return nameOf(s, w)
	}
	return w.T("value.code") + " " + strconv.FormatFloat(v, 'f', -1, 64)
}

// bitText knows a few roles whose 0 and 1 have names of their own.
func bitText(p *gateway.Point, v float64, w words) string {
	bit := "0"
	if v != 0 {
		bit = "1"
	}
	if s, ok := p.States[int64(v)]; ok {
		return nameOf(s, w)
	}
	role, _, _ := strings.Cut(p.Role, ".")
	if key := "bit." + role + "." + bit; known(key) {
		return w.T(key)
	}
	return w.T("bit." + bit)
}

// flagsText lists the flags that are set, lowest first, by name where they have
// one.
func flagsText(p *gateway.Point, v float64, w words) string {
	if v < 0 || v > 1<<53 {
		return stateText(p, v, w) // no set of flags that a float64 holds exactly
	}
	var set []string
	for bit, left := 0, uint64(v); left != 0; bit, left = bit+1, left>>1 {
		if left&1 == 0 {
			continue
		}
		if s, ok := p.States[int64(bit)]; ok {
			set = append(set, nameOf(s, w))
		} else {
			set = append(set, w.T("value.flag")+" "+strconv.Itoa(bit))
		}
	}
	if len(set) == 0 {
		return w.T("value.no_flags")
	}
	return strings.Join(set, w.T("join"))
}

// nameOf returns the text of a state, or its name where a profile gives none.
func nameOf(s gateway.State, w words) string {
	if s.Text.IsZero() {
		return s.Name
	}
	return s.Text.In(w.lang)
}

// durationText returns d in its two largest units, such as "1 h 20 min".
func durationText(d time.Duration, w words) string {
	units := []struct {
		size time.Duration
		key  string
	}{{24 * time.Hour, "unit.d"}, {time.Hour, "unit.h"}, {time.Minute, "unit.min"}, {time.Second, "unit.s"}}
	var parts []string
	for _, u := range units {
		if n := d / u.size; n > 0 || len(parts) == 1 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+w.T(u.key))
			d %= u.size
		}
		if len(parts) == 2 {
			break
		}
	}
	switch {
	case len(parts) == 0:
		return "0" + w.T("unit.s")
	case len(parts) == 2 && strings.HasPrefix(parts[1], "0"):
		parts = parts[:1]
	}
	return strings.Join(parts, w.Gap())
}

// clockText returns d as h:mm:ss or m:ss, for a countdown.
func clockText(d time.Duration) string {
	s := int64(max(d, 0) / time.Second)
	two := func(n int64) string { return string([]byte{'0' + byte(n/10), '0' + byte(n%10)}) }
	if s < 3600 {
		return strconv.FormatInt(s/60, 10) + ":" + two(s%60)
	}
	return strconv.FormatInt(s/3600, 10) + ":" + two(s/60%60) + ":" + two(s%60)
}

// timeText returns the time of day of i, with the date if it is not today's.
func timeText(i, now gateway.Instant, loc *time.Location) string {
	if i.IsZero() {
		return noValue
	}
	t := i.In(loc)
	if y, m, d := t.Date(); sameDay(now.In(loc), y, m, d) {
		return t.Format("15:04")
	}
	return t.Format("01-02 15:04")
}

// sameDay reports whether t falls on the day given.
func sameDay(t time.Time, y int, m time.Month, d int) bool {
	ty, tm, td := t.Date()
	return ty == y && tm == m && td == d
}
