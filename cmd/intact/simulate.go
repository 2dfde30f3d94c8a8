package main

import (
	"fmt"
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
		Args:  cobra.ExactArgs(1),
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
			addrs := s.Addrs()
			for _, bus := range slices.Sorted(maps.Keys(addrs)) {
				fmt.Fprintf(cmd.OutOrStdout(), "%-12s%s\n", bus, addrs[bus])
			}
			return s.Run(cmd.Context())
		},
	}
}
