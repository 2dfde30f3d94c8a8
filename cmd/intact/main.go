// Command intact watches the equipment of a building: it reads Modbus devices
// and MQTT sensors, holds every sample against rules, raises alerts, opens
// repair tickets and accounts for the facility-intact rate.
//
// It exits with 0 when done, 1 when the input or the site is at fault and 2 on
// wrong use. Errors go to standard error, data to standard output.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set when a release is built.
var version = "unreleased"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(execute(ctx, os.Args[1:]))
}

func execute(ctx context.Context, args []string) int {
	understood := false
	root := &cobra.Command{
		Use:           "intact",
		Version:       version,
		Short:         "Watches a building's equipment: faults, alerts, tickets, facility-intact rate",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          nothing,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, cmd := range []*cobra.Command{
		demoCommand(),
		runCommand(),
		checkCommand(),
		planCommand(),
		probeCommand(),
		explainCommand(),
		profileCommand(),
		testCommand(),
		replayCommand(),
		simulateCommand(),
		alertsCommand(),
		dutyCommand(),
		userCommand(),
		notifyCommand(),
		reportCommand(),
		journalCommand(),
		versionCommand(),
	} {
		for _, c := range append(cmd.Commands(), cmd) {
			run := c.RunE
			c.RunE = func(cmd *cobra.Command, args []string) error {
				understood = true // whatever failed before this is a mistake in the call
				return run(cmd, args)
			}
		}
		root.AddCommand(cmd)
	}
	root.SetVersionTemplate("intact {{.Version}}\n")
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case !understood:
		tellMisuse(cmd, err)
		return 2
	default:
		fmt.Fprintln(os.Stderr, "intact:", err)
		return 1
	}
}
