package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/intact-gateway/intact/gateway/access"
)

func userCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Say who may use the gateway: people, and tokens of programs",
		Long: "Say who may use the gateway: people, and tokens of programs. The users are kept in\n" +
			"the data directory; a gateway that runs on it goes by them at once.",
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(userAddCommand(), userPasswordCommand(), userTokenCommand(), userListCommand(), userRemoveCommand())
	return cmd
}

// bookFlag names the data directory, which exists: a misspelt one must not be
// given users that no gateway ever reads.
func bookFlag(cmd *cobra.Command) func() (*access.Book, error) {
	data := cmd.Flags().String("data", "intact-data", "data directory of the gateway")
	return func() (*access.Book, error) {
		if info, err := os.Stat(*data); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("there is no directory %s: name that of the gateway with --data, such as --data /var/lib/intact", *data)
		}
		return access.NewBook(*data), nil
	}
}

func userAddCommand() *cobra.Command {
	var role string
	cmd := &cobra.Command{
		Use:   "add NAME [--role technician]",
		Short: "Let a person in; the password is asked for, or read from standard input",
		Args:  between(1, 1, "name the person"),
	}
	book := bookFlag(cmd)
	cmd.Flags().StringVar(&role, "role", "technician", "viewer, technician, engineer or admin; the first user has to be an admin")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		r, err := access.ParseRole(role)
		if err != nil {
			return err
		}
		b, err := book()
		if err != nil {
			return err
		}
		password, err := askPassword(cmd, args[0])
		if err != nil {
			return err
		}
		if err := b.AddUser(args[0], password, r); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s may log in as %s\n", args[0], r)
		return nil
	}
	return cmd
}

func userPasswordCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "passwd NAME",
		Short: "Change the password of a person, who is logged out everywhere",
		Args:  between(1, 1, "name the person"),
	}
	book := bookFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		password, err := askPassword(cmd, args[0])
		if err != nil {
			return err
		}
		if err := b.SetPassword(args[0], password); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s has a new password and is logged out everywhere\n", args[0])
		return nil
	}
	return cmd
}

func userTokenCommand() *cobra.Command {
	var scope string
	var days int
	cmd := &cobra.Command{
		Use:   "token NAME [--scope read] [--days 365]",
		Short: "Let a program in: print a token, which is shown only this once",
		Args:  between(1, 1, "name the program"),
	}
	book := bookFlag(cmd)
	cmd.Flags().StringVar(&scope, "scope", "read", "metrics (only /metrics), read, or act (also acknowledge alerts and work on tickets)")
	cmd.Flags().IntVar(&days, "days", 365, "how long it holds, at most 3650 days")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		role, err := access.ParseScope(scope)
		if err != nil {
			return err
		}
		if days < 1 || days > 3650 {
			return fmt.Errorf("--days %d: a token holds from 1 to 3650 days", days)
		}
		b, err := book()
		if err != nil {
			return err
		}
		token, err := b.AddToken(args[0], role, time.Now().AddDate(0, 0, days))
		if err != nil {
			return err
		}
		fmt.Fprintln(cmd.ErrOrStderr(), "send it as the header \"Authorization: Bearer TOKEN\"; it is not shown again:")
		fmt.Fprintln(cmd.OutOrStdout(), token)
		return nil
	}
	return cmd
}

func userListCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List who may use the gateway",
		Args:  nothing,
	}
	book := bookFlag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		roll, err := b.Roll()
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(cmd.OutOrStdout()).Encode(roll.Public())
		}
		printRoll(cmd.OutOrStdout(), roll)
		return nil
	}
	return cmd
}

func printRoll(w io.Writer, roll access.Roll) {
	if len(roll.Users) == 0 {
		fmt.Fprintln(w, "nobody yet")
		return
	}
	rows := [][]string{{"NAME", "MAY", "SINCE", "UNTIL"}}
	for _, u := range roll.Users {
		rows = append(rows, []string{u.Name, u.Role.String(), u.Since.Format(time.DateOnly), ""})
	}
	for _, t := range roll.Tokens {
		until := t.Ends.Format(time.DateOnly)
		if time.Now().After(t.Ends) {
			until += " (over)"
		}
		rows = append(rows, []string{t.Name, "token: " + access.ScopeOf(t.Role), t.Made.Format(time.DateOnly), until})
	}
	printTable(w, "", rows)
}

func userRemoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Keep a person, or the program with a token, out from now on",
		Args:  between(1, 1, "name the person or the token"),
	}
	book := bookFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		b, err := book()
		if err != nil {
			return err
		}
		if err := b.Remove(args[0]); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), args[0], "has no access any more")
		return nil
	}
	return cmd
}

// askPassword reads the password for name: twice from a terminal, which shows
// nothing of it, or one line of standard input. It is no flag and no variable,
// which other users of the machine could read.
func askPassword(cmd *cobra.Command, name string) (string, error) {
	in := int(os.Stdin.Fd())
	if !term.IsTerminal(in) {
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	read := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		text, err := term.ReadPassword(in)
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(text), err
	}
	password, err := read("password for " + name + " (12 characters or more): ")
	if err != nil {
		return "", err
	}
	if err := access.CheckPassword(name, password); err != nil {
		return "", err
	}
	again, err := read("once more: ")
	if err == nil && again != password {
		err = errors.New("the two are not the same")
	}
	return password, err
}
