package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/intact-gateway/intact/gateway/app"
	"github.com/intact-gateway/intact/gateway/store"
)

// exportBatch is how many rows are held in memory at a time.
const exportBatch = 1000

func journalCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "The record of everything that happened: write it out, or prove that no line was altered",
		Args:  nothing,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(exportCommand(), verifyCommand())
	return cmd
}

func exportCommand() *cobra.Command {
	var data string
	var after int64
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "export --data DIR",
		Short: "Write the rows of the journal to standard output, one JSON document a line; the gateway may be running",
		Args: func(cmd *cobra.Command, args []string) error {
			if data == "" {
				return errors.New("say which journal: --data DIR")
			}
			return nothing(cmd, args)
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			record, err := openRecord(data)
			if err != nil {
				return err
			}
			defer record.Close()
			out := bufio.NewWriter(cmd.OutOrStdout())
			write := jsonLines(out)
			if asCSV {
				write = csvLines(out)
			}
			for {
				rows, err := record.Journal(cmd.Context(), after, exportBatch)
				if err != nil {
					return err
				}
				if err := write(rows); err != nil {
					return err
				}
				if len(rows) == 0 {
					return out.Flush()
				}
				after = rows[len(rows)-1].Seq
			}
		},
	}
	dataFlag(cmd, &data)
	cmd.Flags().Int64Var(&after, "after", 0, "number of the last row you have already")
	cmd.Flags().BoolVar(&asCSV, "csv", false, "write a table for a spreadsheet instead; it cannot be verified")
	return cmd
}

func verifyCommand() *cobra.Command {
	var data string
	cmd := &cobra.Command{
		Use:   "verify {--data DIR | FILE}",
		Short: "Prove that no row of the journal, or of a file that export wrote, was altered, taken out or put in",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 || (len(args) == 1) == (data != "") {
				return errors.New("say which journal: --data DIR, or one file that export wrote")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if data != "" {
				return verifyRecord(cmd, data)
			}
			return verifyFile(cmd.OutOrStdout(), args[0])
		},
	}
	dataFlag(cmd, &data)
	return cmd
}

func dataFlag(cmd *cobra.Command, data *string) {
	cmd.Flags().StringVar(data, "data", "", "directory of the gateway's database")
}

func openRecord(data string) (*store.Record, error) {
	record, err := store.OpenRecord(filepath.Join(data, app.Database))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no database; the directory is what intact run has as --data, intact-data beside the site file if it has none", data)
	}
	return record, err
}

// jsonLines returns what writes rows as the API gives them.
func jsonLines(w io.Writer) func([]store.Entry) error {
	out := json.NewEncoder(w)
	return func(rows []store.Entry) error {
		for i := range rows {
			if err := out.Encode(&rows[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

// csvLines returns what writes rows as a table. The mark ahead of it tells Excel
// that it is UTF-8.
func csvLines(w io.Writer) func([]store.Entry) error {
	const utf8Mark = "\ufeff"
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{utf8Mark + "seq", "at", "kind", "facility", "by", "body", "gateway", "hash"}
	return func(rows []store.Entry) error {
		if head != nil {
			if err := out.Write(head); err != nil {
				return err
			}
			head = nil
		}
		for _, e := range rows {
			if err := out.Write([]string{strconv.FormatInt(e.Seq, 10), e.At.String(), e.Kind, string(e.Facility), plain(e.By), string(e.Body), e.Gateway, e.Hash}); err != nil {
				return err
			}
		}
		out.Flush()
		return out.Error()
	}
}

// plain keeps a spreadsheet from taking what a person has typed for a formula.
func plain(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') {
		return "'" + s
	}
	return s
}

func verifyRecord(cmd *cobra.Command, data string) error {
	record, err := openRecord(data)
	if err != nil {
		return err
	}
	defer record.Close()
	n, err := record.Verify(cmd.Context())
	if err != nil {
		return err
	}
	if n == 0 {
		_, err = fmt.Fprintln(cmd.OutOrStdout(), "the journal is empty")
		return err
	}
	last, err := record.Journal(cmd.Context(), n-1, 1)
	if err != nil {
		return err
	}
	return printProof(cmd.OutOrStdout(), 1, last[0])
}

func verifyFile(w io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	first, last, err := store.VerifyLines(bufio.NewReader(f))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if last.Seq == 0 {
		return fmt.Errorf("%s: holds no rows", name)
	}
	return printProof(w, first.Seq, last)
}

// printProof tells what was proved, and what an auditor notes down: whoever
// has the last hash can tell later whether the rows up to it are still the same.
func printProof(w io.Writer, first int64, last store.Entry) error {
	if first > 1 {
		if _, err := fmt.Fprintf(w, "row %d is taken as it is: the row before it is not here\n", first); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "rows %d to %d are as they were written\nthe last is of %v, hash %s\n", first, last.Seq, last.At, last.Hash)
	return err
}
