package rules

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

var severityNames = [...]string{"info", "warning", "critical", "life_safety"}

// String returns the severity as it is written in rule files and the API.
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", uint8(s))
}

// ParseSeverity returns the severity named s.
func ParseSeverity(s string) (Severity, bool) {
	for i, n := range severityNames {
		if n == s {
			return Severity(i), true
		}
	}
	return 0, false
}

// MarshalText writes the name of the severity.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the name of a severity.
func (s *Severity) UnmarshalText(b []byte) error {
	v, ok := ParseSeverity(string(b))
	if !ok {
		return fmt.Errorf("%q is no severity: want %s", b, strings.Join(severityNames[:], ", "))
	}
	*s = v
	return nil
}

var phaseNames = [...]string{"normal", "pending", "active", "clearing"}

// String returns the phase as the API writes it.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// MarshalText writes the name of the phase.
func (p Phase) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name of a phase.
func (p *Phase) UnmarshalText(b []byte) error {
	for i, n := range phaseNames {
		if n == string(b) {
			*p = Phase(i)
			return nil
		}
	}
	return fmt.Errorf("%q is no phase", b)
}

// String returns "unknown", "false" or "true".
func (t Truth) String() string { return [...]string{"unknown", "false", "true"}[t] }

// UnmarshalText reads a duration such as "10s", or a number of polls such as
// "3 polls".
func (h *Hold) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	if n, ok := strings.CutSuffix(strings.TrimSuffix(s, "s"), "poll"); ok {
		polls, err := strconv.Atoi(strings.TrimSpace(n))
		if err != nil || polls < 1 || polls > 1000 {
			return fmt.Errorf("%q: want a number of polls from 1 to 1000, such as \"3 polls\"", s)
		}
		*h = Hold{Polls: polls}
		return nil
	}
	if strings.HasSuffix(s, "min") {
		s = strings.TrimSuffix(s, "in")
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q: want a duration such as \"10s\" or \"2min\", or \"3 polls\"", b)
	}
	*h = Hold{Duration: d}
	return nil
}

// String returns the hold as it is written in rule files.
func (h Hold) String() string {
	if h.Polls > 0 {
		return fmt.Sprintf("%d polls", h.Polls)
	}
	return h.Duration.String()
}
