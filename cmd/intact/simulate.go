package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/simulators"
)

func simulateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "simulate FILE",
		Short: "Play simulated devices on real ports, with faults by script: rehearse a breakdown",
		Args:  between(1, 1, "name the simulation, a YAML file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var plan simulators.Plan
			if err := configs.Decode(os.DirFS(filepath.Dir(args[0])), filepath.Base(args[0]), &plan); err != nil {
				return err
			}
			profiles, err := configs.Profiles()
			if err != nil {
				return err
			}
			say := &narrator{out: cmd.OutOrStdout(), began: time.Now()}
			s, err := simulators.New(plan, profiles, simulators.Options{Tell: say.happening})
			if err != nil {
				return err
			}
			printLines(cmd.OutOrStdout(), plan, s.Addrs())
			return s.Run(cmd.Context())
		},
	}
}

// printLines says how each bus is reached, as a site file has it.
func printLines(out io.Writer, plan simulators.Plan, addrs map[string]string) {
	for _, id := range slices.Sorted(maps.Keys(addrs)) {
		key, _ := plan.Buses[id].Kind()
		fmt.Fprintf(out, "%-12s%s: %s", id, key, addrs[id])
		if port, err := os.Readlink(addrs[id]); key == "rtu" && err == nil {
			fmt.Fprintf(out, " (%s)", port)
		}
		fmt.Fprintln(out)
	}
}
