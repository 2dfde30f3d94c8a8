package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/rules/replay"
)

// printReplay writes for people what the rules did.
func printReplay(w io.Writer, site *gateway.Site, r *replay.Report, suggested []replay.Suggestion) {
	printSpan(w, site, r)
	fmt.Fprintf(w, "%s\n", outcome(r))
	printRules(w, site, r)
	printBlind(w, r.Blind)
	printSuggestions(w, suggested)
}

func printSpan(w io.Writer, site *gateway.Site, r *replay.Report) {
	fmt.Fprintf(w, "%s to %s (%s), %s\n", minute(site, r.From), minute(site, r.To), lasting(r.Duration()), count(r.Samples, "sample", "samples"))
	for _, g := range r.Gaps {
		fmt.Fprintf(w, "  nothing was recorded from %s to %s (%s)\n", minute(site, g.From), minute(site, g.To), lasting(g.To.Sub(g.From)))
	}
}

// outcome says in one line what people would have had of it.
func outcome(r *replay.Report) string {
	opened := make([]string, 0, len(r.Tickets))
	for _, p := range []tickets.Priority{tickets.Rescue, tickets.Emergency, tickets.Ordinary} {
		if n := r.Tickets[p]; n > 0 {
			opened = append(opened, fmt.Sprintf("%d %s", n, p))
		}
	}
	return fmt.Sprintf("%s (%.2f per hour), tickets: %s, notices: %d", count(r.Alarms, "alarm", "alarms"), perHour(r.Alarms, r.Duration()), cmp.Or(strings.Join(opened, ", "), "none"), r.Notices)
}

// printRules writes the rules that did something, the busiest first.
func printRules(w io.Writer, site *gateway.Site, r *replay.Report) {
	busy := slices.DeleteFunc(slices.Clone(r.Rules), func(x replay.Rule) bool { return x.Activations == 0 })
	slices.SortStableFunc(busy, func(a, b replay.Rule) int { return b.Activations - a.Activations })
	if len(busy) > 0 {
		fmt.Fprintln(w)
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "RULE\tSEVERITY\tTIMES\tPER HOUR\tCHATTER\tACTIVE\tLONGEST\tFIRST\tLAST\t")
		for _, x := range busy {
			fmt.Fprintf(t, "%s\t%s\t%5d\t%8.2f\t%7d\t%6s\t%7s\t%s\t%s\t%s\n", x.Key, x.Severity, x.Activations,
				perHour(x.Activations, r.Duration()), x.Chatter, lasting(x.Active), lasting(x.Longest), minute(site, x.First), minute(site, x.Last), remark(x))
		}
		_ = t.Flush()
	}
	fmt.Fprintf(w, "\n%s had data and never came into force\n", count(len(r.Rules)-len(busy), "rule", "rules"))
}

func remark(x replay.Rule) string {
	var remarks []string
	if x.StillActive {
		remarks = append(remarks, "still active at the end")
	}
	if x.Hidden > 0 {
		remarks = append(remarks, fmt.Sprintf("%d hidden behind their cause", x.Hidden))
	}
	return strings.Join(remarks, ", ")
}

// printBlind writes which rules could not see. Those without any data, or without
// links, which only the gateway records, are only counted.
func printBlind(w io.Writer, blind []replay.Blind) {
	lacking := make(map[replay.Lack]int)
	for _, b := range blind {
		lacking[b.Lacks]++
	}
	if n := lacking[replay.LacksFacility]; n > 0 {
		fmt.Fprintf(w, "%s on facilities of which nothing was recorded\n", count(n, "rule", "rules"))
	}
	if n := lacking[replay.LacksOwn]; n > 0 {
		fmt.Fprintf(w, "%s on silence and on the gateway itself without data: no links were recorded\n", count(n, "rule", "rules"))
	}
	if n := lacking[replay.LacksPoints]; n > 0 {
		fmt.Fprintf(w, "%s blind, for want of a point:\n", count(n, "rule", "rules"))
	}
	for _, b := range blind {
		if b.Lacks == replay.LacksPoints {
			fmt.Fprintf(w, "  %s  no %s\n", b.Key, joined(b.Points))
		}
	}
}

func joined(points []gateway.PointID) string {
	names := make([]string, len(points))
	for i, p := range points {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}

// printSuggestions writes what would quieten the rules that chattered.
func printSuggestions(w io.Writer, suggested []replay.Suggestion) {
	rule := ""
	for _, s := range suggested {
		if name := string(s.Class) + "/" + s.Rule; name != rule {
			rule = name
			fmt.Fprintf(w, "\n%s chatters: %d of its %d activations came within a minute of the last return. What would help:\n", name, s.Before.Chatter, s.Before.Activations)
		}
		left := fmt.Sprintf("%d of %d chatter", s.After.Chatter, s.Before.Chatter)
		if s.Stops {
			left = "no chatter left"
		}
		fmt.Fprintf(w, "  %s: %s  (now %s)\n      %d → %d activations, %s%s\n", s.Setting, s.Then, s.Now, s.Before.Activations, s.After.Activations, left, missed(s.Missed))
	}
}

func missed(m replay.Missed) string {
	switch m.Count {
	case 0:
		return ", no fault missed"
	case 1:
		return fmt.Sprintf("; 1 fault of %s would not be told", lasting(m.Longest))
	default:
		return fmt.Sprintf("; %d faults of up to %s would not be told", m.Count, lasting(m.Longest))
	}
}

// printComparison writes for people what two versions of the rules did.
func printComparison(w io.Writer, site *gateway.Site, c *replay.Comparison) {
	printSpan(w, site, c.After)
	fmt.Fprintf(w, "before: %s\nafter:  %s\n", outcome(c.Before), outcome(c.After))
	if len(c.Differences) == 0 {
		fmt.Fprintln(w, "\nevery rule does the same")
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "RULE\tBEFORE → AFTER\tCHATTER\tACTIVE\tMISSED\t")
	for _, d := range c.Differences {
		fmt.Fprintf(t, "%s\t%6d → %-5d\t%d → %d\t%s → %s\t%s\t%s\n", d.Key, d.Before.Activations, d.After.Activations,
			d.Before.Chatter, d.After.Chatter, lasting(d.Before.Active), lasting(d.After.Active), missedFirst(site, d.Missed), only(d))
	}
	_ = t.Flush()
}

func missedFirst(site *gateway.Site, m replay.Missed) string {
	if m.Count == 0 {
		return "none"
	}
	return fmt.Sprintf("%d, up to %s, first %s", m.Count, lasting(m.Longest), minute(site, m.First))
}

func only(d replay.Difference) string {
	switch {
	case d.Removed:
		return "only before"
	case d.Added:
		return "only after"
	default:
		return ""
	}
}

// minute writes a moment by the clock of the site.
func minute(site *gateway.Site, at gateway.Instant) string {
	return at.In(site.Location).Format("2006-01-02 15:04:05")
}

func perHour(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Hours()
}

// lasting writes a duration in its two largest units.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d >= time.Second || d == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	default:
		return d.String()
	}
}
