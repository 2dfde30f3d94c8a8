package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
)

func planCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "plan --config site.yaml",
		Short: "Show the requests, wire time and load of each Modbus line, without connecting to it",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readSite(config, configs.Options{Env: os.LookupEnv, AnyLoad: true})
			var faults *configs.Errors
			if errors.As(err, &faults) {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			} else if err != nil {
				return err
			}
			loads, err := c.Loads()
			if err != nil {
				return err
			}
			print := printPlan
			if asJSON {
				print = printPlanJSON
			}
			if err := print(cmd.OutOrStdout(), loads); err != nil {
				return err
			}
			return refuseFull(loads)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the plan as JSON")
	return cmd
}

// printPlan prints a table of the requests of each bus.
func printPlan(w io.Writer, loads []configs.BusLoad) error {
	for i, l := range loads {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "bus %s  %s: %s\n", l.Bus.ID, l.Bus.Kind(), l.Bus.Address())
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(t, "unit\ttable\taddress\tcount\tpoints\tevery\tbytes\tms\t")
		for _, r := range l.Requests {
			fmt.Fprintf(t, "%d\t%s\t%d\t%d\t%d\t%s\t%d\t%.1f\t\n",
				r.Unit, r.Table, r.Start, r.Count, len(r.Fields), r.Period, r.Bytes, milliseconds(r.Time))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		verdict := ""
		if l.Full() {
			verdict = fmt.Sprintf(", more than %.0f %%", 100*configs.FullLoad)
		}
		if _, err := fmt.Fprintf(w, "%d requests, %.0f ms to read everything once, load %.1f %%%s\n",
			len(l.Requests), milliseconds(l.Pass), 100*l.Share, verdict); err != nil {
			return err
		}
	}
	return nil
}

// printPlanJSON prints what a program wants to read. Times are in seconds.
func printPlanJSON(w io.Writer, loads []configs.BusLoad) error {
	type request struct {
		Unit    int     `json:"unit"`
		Table   string  `json:"table"`
		Address uint16  `json:"address"`
		Count   uint16  `json:"count"`
		Points  int     `json:"points"`
		Every   float64 `json:"every"`
		Bytes   int     `json:"bytes"`
		Seconds float64 `json:"seconds"`
	}
	type bus struct {
		ID       string    `json:"id"`
		Kind     string    `json:"kind"`
		Address  string    `json:"address"`
		Requests []request `json:"requests"`
		Pass     float64   `json:"pass"`
		Load     float64   `json:"load"`
		Full     bool      `json:"full"`
	}
	buses := []bus{}
	for _, l := range loads {
		b := bus{l.Bus.ID, l.Bus.Kind(), l.Bus.Address(), []request{}, l.Pass.Seconds(), l.Share, l.Full()}
		for _, r := range l.Requests {
			b.Requests = append(b.Requests, request{r.Unit, r.Table.String(), r.Start, r.Count, len(r.Fields), r.Period.Seconds(), r.Bytes, r.Time.Seconds()})
		}
		buses = append(buses, b)
	}
	return json.NewEncoder(w).Encode(map[string]any{"buses": buses})
}

// refuseFull returns an error that names the lines which cannot keep up. Where
// the speed is only assumed, the table has to do.
func refuseFull(loads []configs.BusLoad) error {
	var errs []error
	for _, l := range loads {
		if l.Full() && l.Certain() {
			errs = append(errs, fmt.Errorf("bus %s cannot keep up: %s", l.Bus.ID, configs.LoadHint))
		}
	}
	return errors.Join(errs...)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
