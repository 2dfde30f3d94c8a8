package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

func checkCommand() *cobra.Command {
	var config string
	var asJSON, strict bool
	cmd := &cobra.Command{
		Use:   "check --config site.yaml",
		Short: "Find every mistake of a site file at once, with its place and how to mend it",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := readSite(config, configs.Options{Env: os.LookupEnv})
			var faults *configs.Errors
			if err != nil && !errors.As(err, &faults) {
				return err
			}
			if asJSON {
				if err := checkJSON(cmd, config, c, faults); err != nil || !strict {
					return err
				}
				return warned(config, c)
			}
			if faults != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			if err := warned(config, c); strict && err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in order: %s, %s, %s at work on them; no rule reads %d of the points\n",
				config, count(watched(c.Site), "facility", "facilities"), count(c.Site.Len(), "point", "points"), count(c.Instances, "rule", "rules"), c.Unread)
			if c.Features > 0 {
				fmt.Fprintf(cmd.OutOrStdout(), "rules look back over time at %s, which takes %.1f KiB\n", count(c.Features, "thing", "things"), float64(c.FeatureBytes)/1024)
			}
			if c.Roster != nil {
				printDuty(cmd.OutOrStdout(), c, time.Now())
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for mistakes")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print mistakes and warnings as JSON on standard output")
	return cmd
}

// mistakes is the error of a command that cannot use the site file at path.
func mistakes(path string, faults *configs.Errors) error {
	return fmt.Errorf("%s: %s", path, count(len(faults.Problems), "mistake", "mistakes"))
}

// warned is the error of a site file whose warnings count; nil if there are none.
func warned(path string, c *configs.Config) error {
	if len(c.Warnings) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %s", path, count(len(c.Warnings), "warning", "warnings"))
}

// watched returns how many facilities of the site are equipment, and neither a
// line nor the gateway itself.
func watched(site *gateway.Site) int {
	n := 0
	for _, f := range site.Facilities() {
		if f.Class.Counted() {
			n++
		}
	}
	return n
}

// checkJSON prints what a program wants to read; a site with mistakes still is
// an error.
func checkJSON(cmd *cobra.Command, path string, c *configs.Config, faults *configs.Errors) error {
	report := struct {
		Problems any `json:"problems"`
		Warnings any `json:"warnings"`
		Unread   int `json:"unread_points"`
	}{Problems: []string{}, Warnings: []string{}}
	if faults != nil {
		report.Problems = faults.Problems
	}
	if c != nil {
		report.Unread = c.Unread
		if len(c.Warnings) > 0 {
			report.Warnings = c.Warnings
		}
	}
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(report); err != nil {
		return err
	}
	if faults != nil {
		return mistakes(path, faults)
	}
	return nil
}
