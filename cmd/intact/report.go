package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/report"
)

// reportWanted is what the flags of report say.
type reportWanted struct {
	config, data, month, format, language string
}

func reportCommand() *cobra.Command {
	var want reportWanted
	cmd := &cobra.Command{
		Use:   "report --config site.yaml [--month 2026-11]",
		Short: "Write the monthly report: intact rate, causes of down time, repair clocks, what came back; the gateway may be running",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := nothing(cmd, args); err != nil {
				return err
			}
			return want.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(want.config, cmd.ErrOrStderr(), os.LookupEnv)
			if err != nil {
				return err
			}
			if want.data == "" {
				want.data = filepath.Join(filepath.Dir(want.config), "intact-data")
			}
			record, err := openRecord(want.data)
			if err != nil {
				return err
			}
			defer record.Close()
			now := time.Now().In(c.Site.Location)
			if want.month == "" {
				want.month = now.Format("2006-01")
			}
			month, err := time.ParseInLocation("2006-01", want.month, c.Site.Location)
			if err != nil {
				return err // check has read it already
			}
			r, err := report.New(cmd.Context(), c.Site, record, gateway.InstantOf(month), gateway.InstantOf(now))
			if err != nil {
				return err
			}
			return want.write(cmd.OutOrStdout(), r)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&want.config, "config", "", "the site file")
	flags.StringVar(&want.data, "data", "", "directory of the database (default intact-data beside the site file)")
	flags.StringVar(&want.month, "month", "", "the month, such as 2026-11 (default this one)")
	flags.StringVar(&want.format, "format", "html", "html to read and print, csv for a spreadsheet, json for a program")
	flags.StringVar(&want.language, "lang", "", "zh or en (default that of the site)")
	return cmd
}

// check reports what is wrong with the call.
func (w *reportWanted) check() error {
	if _, err := time.Parse("2006-01", w.month); w.month != "" && err != nil {
		return fmt.Errorf("--month %s is no month: write it as 2026-11", w.month)
	}
	switch w.format {
	case "html", "csv", "json":
	default:
		return fmt.Errorf("--format %s: html, csv or json", w.format)
	}
	switch gateway.Language(w.language) {
	case "", gateway.Chinese, gateway.English:
		return nil
	}
	return fmt.Errorf("--lang %s: zh or en", w.language)
}

func (w *reportWanted) write(out io.Writer, r *report.Report) error {
	l := r.Language
	if w.language != "" {
		l = gateway.Language(w.language)
	}
	switch w.format {
	case "csv":
		return r.WriteCSV(out, l)
	case "json":
		return json.NewEncoder(out).Encode(r)
	default:
		return r.WriteHTML(out, l)
	}
}
