package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// nothing is for a command that takes no argument.
var nothing = between(0, 0, "")

// between is for a command that takes from least to most arguments, any number
// if most is negative; ask says what to name if there are too few. A command with
// the flag --config needs it.
func between(least, most int, ask string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if site := cmd.Flags().Lookup("config"); site != nil && !site.Changed {
			for _, arg := range args {
				if ext := filepath.Ext(arg); ext == ".yaml" || ext == ".yml" {
					return fmt.Errorf("the site file is named with --config %s", arg)
				}
			}
			return errors.New("name the site file: --config site.yaml")
		}
		switch {
		case len(args) < least:
			return errors.New(ask)
		case most >= 0 && len(args) > most && cmd.HasSubCommands():
			return unknown(cmd, args[most])
		case most >= 0 && len(args) > most:
			return fmt.Errorf("%q is more than the command takes", args[most])
		}
		return nil
	}
}

// unknown is the error of a command of that name under cmd.
func unknown(cmd *cobra.Command, name string) error {
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(name); len(like) > 0 {
		return fmt.Errorf("there is no command %q; do you mean %s?", name, strings.Join(like, " or "))
	}
	return fmt.Errorf("there is no command %q", name)
}

// tellMisuse says in a few lines what is wrong with a call, and where to read on.
func tellMisuse(cmd *cobra.Command, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", cmd.CommandPath(), err)
	if cmd.HasParent() && !cmd.HasSubCommands() {
		fmt.Fprintln(os.Stderr, "usage:", cmd.UseLine())
	}
	fmt.Fprintf(os.Stderr, "more: %s --help\n", cmd.CommandPath())
}

// count says how many there are of something.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
