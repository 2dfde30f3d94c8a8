package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

func checkCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "check --config site.yaml",
		Short: "Find every mistake of a site file at once, with its place and how to mend it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := configs.Load(os.DirFS(filepath.Dir(config)), filepath.Base(config), configs.Options{Env: os.LookupEnv})
			var faults *configs.Errors
			if err != nil && !errors.As(err, &faults) {
				return err
			}
			if asJSON {
				return checkJSON(cmd, config, c, faults)
			}
			if faults != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in order: %d facilities, %d points, %d rules at work on them\n",
				config, watched(c.Site), c.Site.Len(), c.Instances)
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print mistakes and warnings as JSON on standard output")
	must(cmd.MarkFlagRequired("config"))
	return cmd
}

// mistakes is the error of a command that cannot use the site file at path.
func mistakes(path string, faults *configs.Errors) error {
	if len(faults.Problems) == 1 {
		return fmt.Errorf("%s: 1 mistake", path)
	}
	return fmt.Errorf("%s: %d mistakes", path, len(faults.Problems))
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
	}{Problems: []string{}, Warnings: []string{}}
	if faults != nil {
		report.Problems = faults.Problems
	}
	if c != nil && len(c.Warnings) > 0 {
		report.Warnings = c.Warnings
	}
	if err := json.NewEncoder(cmd.OutOrStdout()).Encode(report); err != nil {
		return err
	}
	if faults != nil {
		return mistakes(path, faults)
	}
	return nil
}
