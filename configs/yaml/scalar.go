package yaml

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// misfit says why a text is not a value of the wanted type, and what would be;
// the zero misfit is none.
type misfit struct{ message, hint string }

// wanted returns the misfit of a text that is not what it must be.
func wanted(what, text, hint string) misfit {
	return misfit{fmt.Sprintf("want %s, got %q", what, text), hint}
}

// setScalar puts text into v.
func setScalar(v reflect.Value, text string) misfit {
	switch {
	case v.Type() == durationType:
		d, m := parseDuration(text)
		v.SetInt(int64(d))
		return m
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return wanted("true or false", text, "yes, no, on and off are text")
		}
		v.SetBool(text == "true")
		return misfit{}
	case v.CanFloat():
		x, m := parseFloat(text)
		v.SetFloat(x)
		return m
	default:
		return setNumberOrText(v, text)
	}
}

// setNumberOrText is setScalar for the types that keys of mappings have, too.
func setNumberOrText(v reflect.Value, text string) misfit {
	if v.Kind() == reflect.String {
		v.SetString(text)
		return misfit{}
	}
	n, m := parseInt(text)
	switch {
	case m != misfit{}:
		return m
	case v.CanUint() && n < 0:
		return wanted("a number of 0 or more", text, "")
	case v.CanUint() && v.OverflowUint(uint64(n)), v.CanInt() && v.OverflowInt(n):
		return misfit{text + " is too large or too small", ""}
	case v.CanUint():
		v.SetUint(uint64(n))
	default:
		v.SetInt(n)
	}
	return misfit{}
}

// parseInt reads a decimal or, with 0x, a hexadecimal number. A leading zero is
// refused: some read 017 as fifteen.
func parseInt(text string) (int64, misfit) {
	if digits := strings.TrimLeft(text, "+-"); len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return 0, misfit{fmt.Sprintf("%q begins with a zero, which some read as octal", text), "write it without"}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil && strings.Contains(text, "0x") && !strings.Contains(text, "_") {
		n, err = strconv.ParseInt(text, 0, 64)
	}
	if err != nil {
		return 0, wanted("a whole number", text, "such as 3 or 0x1F")
	}
	return n, misfit{}
}

// parseFloat reads a number, or .nan and .inf as YAML has them.
func parseFloat(text string) (float64, misfit) {
	switch strings.ToLower(text) {
	case ".nan":
		return math.NaN(), misfit{}
	case ".inf", "+.inf":
		return math.Inf(1), misfit{}
	case "-.inf":
		return math.Inf(-1), misfit{}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || strings.ContainsAny(text, "_xXpP") {
		return 0, wanted("a number", text, "such as 1.5")
	}
	return x, misfit{}
}

// steps are the units of durations. There is no week and no month: one is seldom
// used, the other has no fixed length.
var steps = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// parseDuration reads "500ms", "5s", "10min", "1h30min" or "7d".
func parseDuration(text string) (time.Duration, misfit) {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, misfit{fmt.Sprintf("a duration needs its unit, got %q", text), fmt.Sprintf("such as %[1]sms, %[1]ss or %[1]smin", text)}
	}
	// Each step takes a number and the letters behind it, up to the next number.
	total, rest := 0.0, strings.TrimSpace(text)
	for first := true; first || rest != ""; first = false {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789."))
		n, err := strconv.ParseFloat(rest[:digits], 64)
		unit := rest[digits:]
		if i := strings.IndexAny(unit, "0123456789."); i >= 0 {
			unit = unit[:i]
		}
		step, ok := steps[strings.TrimSpace(unit)]
		if err != nil || !ok {
			return 0, wanted("a duration", text, "such as 500ms, 10s, 5min, 2h or 7d")
		}
		total += n * float64(step)
		rest = rest[digits+len(unit):]
	}
	if total > float64(100*365*24*time.Hour) {
		return 0, wanted("a duration of less than a hundred years", text, "")
	}
	return time.Duration(math.Round(total)), misfit{}
}
