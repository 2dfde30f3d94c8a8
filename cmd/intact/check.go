package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
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
				return checkJSON(cmd, c, faults)
			}
			if faults != nil {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return fmt.Errorf("%s: %d mistakes", config, len(faults.Problems))
			}
			for _, w := range c.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in order: %d facilities, %d points, %d rules at work on them\n",
				config, len(c.Site.Facilities()), c.Site.Len(), c.Instances)
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print mistakes and warnings as JSON on standard output")
	must(cmd.MarkFlagRequired("config"))
	return cmd
}

// checkJSON prints what a program wants to read; a site with mistakes still is
// an error.
func checkJSON(cmd *cobra.Command, c *configs.Config, faults *configs.Errors) error {
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
		return fmt.Errorf("%d mistakes", len(faults.Problems))
	}
	return nil
}
