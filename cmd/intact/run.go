package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

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
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(p.config, cmd.ErrOrStderr(), os.LookupEnv)
			if err != nil {
				return err
			}
			if p.data == "" {
				p.data = filepath.Join(filepath.Dir(p.config), "intact-data")
			}
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			a, err := app.New(app.Options{Config: c, Data: p.data, Listen: p.listen, Version: version, Log: log})
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
