package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway/app"
)

// places is where a gateway listens and keeps its data: flags of several
// commands.
type places struct{ config, listen, data string }

func (p *places) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.listen, "listen", "", "address of page and API, over the site file's")
	cmd.Flags().StringVar(&p.data, "data", "", "directory of the database (default intact-data beside the site file)")
}

func runCommand() *cobra.Command {
	var p places
	cmd := &cobra.Command{
		Use:   "run --config site.yaml",
		Short: "Watch the building that the site file describes",
		Long: "Watch the building that the site file describes, until SIGINT or SIGTERM.\n\n" +
			"SIGHUP loads the site file with all it refers to again. If it has faults, they are\n" +
			"logged and nothing changes.",
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			hangups := make(chan os.Signal, 1) // of a storm of them one is enough
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
			c, err := load(p.config, cmd.ErrOrStderr(), os.LookupEnv)
			if err != nil {
				return err
			}
			if p.data == "" {
				p.data = filepath.Join(filepath.Dir(p.config), "intact-data")
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			a, err := app.New(app.Options{
				Config: c, Data: p.data, Listen: p.listen, Version: version, Log: log, Hangups: hangups,
				Load: func() (*configs.Config, error) { return reload(p.config, log) },
			})
			if err != nil {
				return err
			}
			return a.Run(cmd.Context())
		},
	}
	p.flags(cmd)
	cmd.Flags().StringVar(&p.config, "config", "", "the site file")
	return cmd
}

// load reads a site file and prints every mistake and warning to w.
func load(path string, w io.Writer, env func(string) (string, bool)) (*configs.Config, error) {
	c, err := readSite(path, configs.Options{Env: env})
	var faults *configs.Errors
	if errors.As(err, &faults) {
		fmt.Fprintln(w, faults)
		return nil, mistakes(path, faults)
	}
	if err != nil {
		return nil, err
	}
	for _, warning := range c.Warnings {
		fmt.Fprintln(w, "warning:", warning)
	}
	return c, nil
}

// reload reads the site file of a gateway that runs.
func reload(path string, log *slog.Logger) (*configs.Config, error) {
	c, err := readSite(path, configs.Options{})
	if err != nil {
		return nil, err
	}
	for _, w := range c.Warnings {
		log.Warn("in the configuration", "warning", w.String())
	}
	return c, nil
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "intact", version)
			return err
		},
	}
}
