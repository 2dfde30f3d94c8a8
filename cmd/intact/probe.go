package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

// errNothing is the outcome of a probe that found no device, or none it knows.
var errNothing = errors.New("nothing that can be told for sure")

// probeWanted is what the flags of probe say.
type probeWanted struct {
	profiles []string
	units    string
	timeout  time.Duration
	asJSON   bool
}

func probeCommand() *cobra.Command {
	var want probeWanted
	var places []drivers.Bus
	var units []int
	cmd := &cobra.Command{
		Use:   "probe ADDRESS",
		Short: "Find out what answers at an address and which profile fits it; it is only read from",
		Long: `Find out what answers at an address and which profile fits it; it is only read from.

ADDRESS is a host or host:port, tried as Modbus TCP and as RTU over TCP, or
tcp://host:port, rtu_over_tcp://host:port, /dev/serial/by-id/…, or
rtu:///dev/serial/by-id/…?baud=9600&frame=8N1. Stop a gateway that uses the same
line before: many devices and every serial line take one master only.`,
		Args: func(cmd *cobra.Command, args []string) (err error) {
			if err := between(1, 1, "name an address: 10.0.0.20, tcp://10.0.0.20:502, rtu_over_tcp://10.0.0.7:4001 or /dev/ttyUSB0")(cmd, args); err != nil {
				return err
			}
			if units, err = parseUnits(want.units); err != nil {
				return err
			}
			places, err = drivers.ProbePlaces(args[0])
			return err
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			profiles, err := want.wanted()
			if err != nil {
				return err
			}
			p := drivers.Prober{Profiles: profiles, Units: units, Timeout: want.timeout}
			progress := newProgress(cmd.ErrOrStderr())
			p.Step = progress.step
			found, err := p.Run(cmd.Context(), places)
			progress.end()
			if err != nil {
				return err
			}
			if want.asJSON {
				err = json.NewEncoder(cmd.OutOrStdout()).Encode(found)
			} else {
				err = printFindings(cmd.OutOrStdout(), found)
			}
			if err == nil && !plausible(found) {
				return errNothing
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&want.profiles, "profile", nil, "hold only this profile against the device: one that ships, or a file")
	flags.StringVar(&want.units, "unit", "", "unit ids to try, such as 3 or 1-32,247 (default those that devices mostly have)")
	flags.DurationVar(&want.timeout, "timeout", time.Second, "how long to wait for an answer")
	flags.BoolVar(&want.asJSON, "json", false, "print what was found as JSON")
	return cmd
}

// wanted returns the profiles to try.
func (w *probeWanted) wanted() ([]*drivers.Profile, error) {
	var files, names []string
	for _, p := range w.profiles {
		if strings.ContainsAny(p, "./") {
			files = append(files, p)
		} else {
			names = append(names, p)
		}
	}
	var profiles []*drivers.Profile
	if len(files) > 0 {
		own, err := configs.ReadProfiles(anywhere{}, files)
		if err != nil {
			return nil, err
		}
		profiles = own
	}
	if len(files) > 0 && len(names) == 0 {
		return profiles, nil
	}
	shipped, err := configs.ReadProfiles(anywhere{}, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(shipped, func(p *drivers.Profile) bool { return p.Name == name }) {
			return nil, fmt.Errorf("no profile %q ships; for a file of your own give its path, such as ./%s.yaml", name, name)
		}
	}
	return append(profiles, slices.DeleteFunc(shipped, func(p *drivers.Profile) bool {
		return len(names) > 0 && !slices.Contains(names, p.Name)
	})...), nil
}

// parseUnits reads "1-4,247"; nil for "".
func parseUnits(text string) (units []int, err error) {
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		from, to, run := strings.Cut(strings.TrimSpace(part), "-")
		if !run {
			to = from
		}
		first, err1 := strconv.Atoi(from)
		last, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil || first < 0 || last > 255 || last < first {
			return nil, fmt.Errorf("--unit %s: want numbers from 0 to 255, such as 3 or 1-32,247", text)
		}
		for u := first; u <= last; u++ {
			units = append(units, u)
		}
	}
	return units, nil
}

// plausible reports whether the probe has found what a device is.
func plausible(f *drivers.Findings) bool {
	return slices.ContainsFunc(f.Units, func(u drivers.FoundUnit) bool {
		return slices.ContainsFunc(u.Matches, func(m drivers.Match) bool { return m.Verdict != drivers.Possible })
	})
}

func printFindings(w io.Writer, f *drivers.Findings) error {
	out := &printer{w: w}
	if len(f.Units) == 0 {
		printSilence(out, f)
		return out.err
	}
	out.say("%s answers\n", f.Way)
	for _, u := range f.Units {
		printUnit(out, f, &u)
	}
	return out.err
}

// printer writes until something fails.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) say(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func printUnit(out *printer, f *drivers.Findings, u *drivers.FoundUnit) {
	out.say("\nunit %d: ", u.Unit)
	if id := u.Identity.String(); id != "" {
		out.say("says that it is %s\n", id)
	} else {
		out.say("does not say what it is\n")
	}
	if len(u.Matches) == 0 {
		out.say("  No profile fits. Make one from the register table in its manual: intact profile import TABLE.csv\n")
		return
	}
	if out.err == nil {
		table := tabwriter.NewWriter(out.w, 0, 0, 2, ' ', 0)
		for _, m := range u.Matches {
			fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", m.Verdict, m.Profile, variantWords(m.Variant), foundWords(m))
		}
		out.err = table.Flush()
	}
	best := u.Matches[0]
	if best.Verdict == drivers.Possible {
		out.say("\n  Nothing here settles it. Compare the values with the display of the device, or try another --unit.\n")
		return
	}
	out.say("\n  In the site file:\n    buses: {line-1: %s}\n    facilities:\n      - {id: %s-1, profile: %s, bus: line-1, unit: %d}\n",
		busLine(f.Bus), strings.ReplaceAll(best.Class, "_", "-"), best.Profile, u.Unit)
	if best.Variant != (drivers.Variant{}) {
		out.say("  The device differs from the profile (%s): extend the profile in a file of your own and change its registers.\n", variantWords(best.Variant))
	}
}

// busLine writes the bus as a site file does.
func busLine(b *drivers.Bus) string {
	text := fmt.Sprintf("{%s: %q", b.Kind(), b.Address())
	if b.Baud != 0 {
		text += fmt.Sprintf(", baud: %d", b.Baud)
	}
	if b.Frame != "" {
		text += ", frame: " + b.Frame
	}
	return text + "}"
}

func variantWords(v drivers.Variant) string {
	var words []string
	switch {
	case v.Shift > 0:
		words = append(words, fmt.Sprintf("registers %d higher", v.Shift))
	case v.Shift < 0:
		words = append(words, fmt.Sprintf("registers %d lower", -v.Shift))
	}
	if v.Table != "" {
		words = append(words, v.Table+" registers")
	}
	if v.Order != "" {
		words = append(words, "order "+v.Order)
	}
	if len(words) == 0 {
		return "as it says"
	}
	return strings.Join(words, ", ")
}

func foundWords(m drivers.Match) string {
	var values []string
	for _, f := range m.Found {
		values = append(values, strings.TrimSpace(fmt.Sprintf("%s %.6g %s", f.Point, f.Value, f.Unit)))
	}
	text := fmt.Sprintf("%d of %d", len(m.Found), m.Wanted)
	if len(values) > 0 {
		text += ": " + strings.Join(values, ", ")
	}
	return text
}

// printSilence says what was tried and what to look at next.
func printSilence(out *printer, f *drivers.Findings) {
	out.say("no device answers\n\n")
	refused, garbled, gatewaySays := false, false, false
	var ways []string
	for _, a := range f.Tried {
		if !slices.Contains(ways, a.Way) {
			ways = append(ways, a.Way)
		}
		refused = refused || a.Reason == gateway.BadRefused
		garbled = garbled || a.Reason == gateway.BadFrame || a.Reason == gateway.BadShort
		gatewaySays = gatewaySays || a.Code != 0
	}
	for _, way := range ways {
		var units []string
		why := ""
		for _, a := range f.Tried {
			if a.Way == way {
				units, why = append(units, strconv.Itoa(a.Unit)), a.Why
			}
		}
		out.say("  %s, unit %s: %s\n", way, strings.Join(units, ", "), why)
	}
	out.say("\nWhat to look at next:\n")
	switch {
	case gatewaySays:
		out.say("  - A gateway answers, but does not reach the device behind it: its power, its line, its unit id (--unit 1-247).\n")
	case garbled:
		out.say("  - Something answers that is no Modbus of this kind: tcp:// and rtu_over_tcp:// are not the same; is it the right port?\n")
	case refused:
		out.say("  - Nothing listens there: the address, the port, the network cable; is Modbus switched on in the device?\n")
	default:
		out.say("  - The unit id: try --unit 1-247.\n")
	}
	out.say("  - Many devices take one connection: stop whatever else reads from it.\n")
	out.say("  - On a serial line: A and B may be swapped; baud and parity; the terminating resistor; two devices with one id.\n")
}
