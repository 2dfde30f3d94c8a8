package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/configs"
	"github.com/intact-gateway/intact/gateway"
)

func notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Try whether alerts reach those who are to be told",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(notifyTestCommand())
	return cmd
}

func notifyTestCommand() *cobra.Command {
	var config string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "test [RECEIVER...] --config site.yaml",
		Short: "Send a message marked 演练/TEST through every channel of the receivers, or of all, and say what was answered",
		Args:  between(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := readSite(config, configs.Options{Env: os.LookupEnv})
			var faults *configs.Errors
			if errors.As(err, &faults) {
				fmt.Fprintln(cmd.ErrOrStderr(), faults)
				return mistakes(config, faults)
			} else if err != nil {
				return err
			}
			receivers, err := receiversCalled(c.Notify.Everybody(), args)
			if err != nil {
				return err
			}
			say := func(t notify.Trial) { printTrial(cmd.OutOrStdout(), t, c.Site.Language) }
			if asJSON {
				say = func(t notify.Trial) { printTrialJSON(cmd.OutOrStdout(), t) }
			}
			return tryAll(cmd.Context(), receivers, c.Site, say)
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the site file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for each channel")
	return cmd
}

// receiversCalled returns the receivers with these ids, or all if none is given.
func receiversCalled(all []notify.Receiver, ids []string) ([]notify.Receiver, error) {
	var known []string
	for _, r := range all {
		known = append(known, r.ID)
	}
	if len(known) == 0 {
		return nil, errors.New("the site file names no receiver: nobody is told of an alert")
	}
	for _, id := range ids {
		if !slices.Contains(known, id) {
			return nil, fmt.Errorf("there is no receiver %q (one of %s)", id, strings.Join(known, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(r notify.Receiver) bool {
		return len(ids) > 0 && !slices.Contains(ids, r.ID)
	}), nil
}

// tryAll tries every channel of the receivers and calls say with what came of
// each. One that cannot be opened keeps nothing from the others.
func tryAll(ctx context.Context, receivers []notify.Receiver, site *gateway.Site, say func(notify.Trial)) error {
	channels, failed := 0, 0
	for _, r := range receivers {
		trials, err := notify.Try(ctx, r, notify.Options{Site: site})
		if err != nil {
			trials = []notify.Trial{{Receiver: r.ID, Err: err}}
		}
		for _, t := range trials {
			channels++
			if !t.Taken() {
				failed++
			}
			say(t)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d channels did not take the message", failed, channels)
	}
	return nil
}

func printTrial(w io.Writer, t notify.Trial, language gateway.Language) {
	answer, mend := notify.Said(t.Err)
	whom := strings.TrimSpace(t.Receiver + " " + t.Channel)
	switch {
	case t.Err == nil:
		fmt.Fprintf(w, "ok    %s: taken after %v; look whether it has arrived\n", whom, t.Took.Round(time.Millisecond))
	case t.Taken():
		fmt.Fprintf(w, "part  %s: taken, but something is wrong\n", whom)
	default:
		fmt.Fprintf(w, "FAIL  %s: not taken\n", whom)
	}
	for _, line := range []string{answer, mend.In(language)} {
		if line != "" {
			fmt.Fprintf(w, "      %s\n", line)
		}
	}
}

func printTrialJSON(w io.Writer, t notify.Trial) {
	answer, mend := notify.Said(t.Err)
	_ = json.NewEncoder(w).Encode(struct {
		Receiver string       `json:"receiver"`
		Channel  string       `json:"channel"`
		Taken    bool         `json:"taken"`
		Seconds  float64      `json:"seconds"`
		Answer   string       `json:"answer"`
		Mend     gateway.Text `json:"mend"`
	}{t.Receiver, t.Channel, t.Taken(), t.Took.Seconds(), answer, mend})
}
