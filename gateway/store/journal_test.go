package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/gateway"
	"github.com/intact-gateway/intact/gateway/store"
)

func TestJournalIsNumberedWithoutGapsAndItsTimesNeverGoBack(t *testing.T) {
	db, path := fresh(t)
	commit(t, db, store.Change{At: morning, Entries: []store.Entry{entry("a", morning), entry("b", morning-5_000)}})
	failed, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Commit(failed, store.Change{Entries: []store.Entry{entry("never", morning)}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a commit that was called off gave %v", err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, path, store.Options{})
	commit(t, db,
		store.Change{Entries: []store.Entry{entry("c", morning-3_600_000)}},
		store.Change{Entries: []store.Entry{{Kind: "d", At: morning + 1}}})
	got, err := db.Journal(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, e := range got {
		rows = append(rows, fmt.Sprintf("%d %s %d", e.Seq, e.Kind, e.At-morning))
	}
	if diff := cmp.Diff([]string{"1 a 0", "2 b 0", "3 c 0", "4 d 1"}, rows); diff != "" {
		t.Errorf("journal (-want +got)\n%s", diff)
	}
	if got[0].By != "王工" || string(got[0].Body) != `{"value":1}` || got[3].Body != nil || got[3].Gateway != "" {
		t.Errorf("entries came back as %+v and %+v", got[0], got[3])
	}
	if part, err := db.Journal(t.Context(), 1, 2); err != nil || len(part) != 2 || part[0].Seq != 2 {
		t.Errorf("two rows after the first are %v, %v", part, err)
	}
	if n, err := db.Verify(t.Context()); n != 4 || err != nil {
		t.Errorf("verify says %d rows, %v", n, err)
	}
}

// The vector was worked out with sha256sum, from the words of the comment.
func TestHashIsTheDocumentedOne(t *testing.T) {
	db, _ := fresh(t)
	commit(t, db, store.Change{Entries: []store.Entry{{Gateway: "g", At: 1000, Kind: "alert.raised", Facility: "lift-1", By: "王", Body: []byte(`{}`)}}})
	got, err := db.Journal(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	const want = "a353ac2a4eae4e691177a6e46e79919cf78a5b7425630112378325294d9a006d"
	if got[0].Hash != want {
		t.Errorf("hash is %s, want %s", got[0].Hash, want)
	}
}

func TestVerifyNamesTheFirstRowThatWasTamperedWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "intact.db")
	db := open(t, path, store.Options{})
	const rows = 12
	for i := range rows {
		commit(t, db, store.Change{At: morning, Entries: []store.Entry{entry(fmt.Sprint("kind", i), morning+gateway.Instant(i))}})
	}
	outside := another(t, path)
	before, err := db.Journal(t.Context(), 0, rows)
	if err != nil {
		t.Fatal(err)
	}
	restore := func() {
		for _, q := range []string{"DELETE FROM journal", "UPDATE heartbeat SET seq = 12, hash = '" + before[rows-1].Hash + "'"} {
			if _, err := outside.Exec(q); err != nil {
				t.Fatal(err)
			}
		}
		for _, e := range before {
			if _, err := outside.Exec("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)", e.Seq, e.Gateway, e.At, e.Kind, e.Facility, e.By, string(e.Body), e.Hash); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := db.Verify(t.Context()); n != rows || err != nil {
			t.Fatalf("untouched journal: %d rows, %v", n, err)
		}
	}
	for seq := 1; seq <= rows; seq++ {
		for _, change := range []string{
			"UPDATE journal SET gateway = 'other' WHERE seq = %d",
			"UPDATE journal SET at = at + 1 WHERE seq = %d",
			"UPDATE journal SET kind = 'ticket.closed' WHERE seq = %d",
			"UPDATE journal SET facility = 'lift-2' WHERE seq = %d",
			"UPDATE journal SET actor = '' WHERE seq = %d",
			"UPDATE journal SET body = replace(body, '1', '2') WHERE seq = %d",
			"UPDATE journal SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = %d",
			"UPDATE journal SET gateway = gateway || substr(kind, 1, 1), kind = substr(kind, 2) WHERE seq = %d",
			"DELETE FROM journal WHERE seq = %d",
			"DELETE FROM journal WHERE seq >= %d",
		} {
			restore()
			if _, err := outside.Exec(fmt.Sprintf(change, seq)); err != nil {
				t.Fatal(err)
			}
			n, err := db.Verify(t.Context())
			if !errors.Is(err, store.ErrAltered) || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("row %d:", seq)) || n != int64(seq-1) {
				t.Errorf(change+": verify says %d rows in order, %v", seq, n, err)
			}
		}
	}
	restore()
	if _, err := outside.Exec("INSERT INTO journal SELECT 13, gateway, at, kind, facility, actor, body, hash FROM journal WHERE seq = 12"); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Verify(t.Context()); !errors.Is(err, store.ErrAltered) || !strings.Contains(fmt.Sprint(err), "row 13:") || n != rows {
		t.Errorf("a row put in at the end: verify says %d, %v", n, err)
	}
}

// exported returns the journal as JSON lines.
func exported(t *testing.T, rows []store.Entry) []string {
	t.Helper()
	var lines []string
	for i := range rows {
		line, err := json.Marshal(&rows[i])
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line)+"\n")
	}
	return lines
}

// TestAnExportedJournalProvesItself: the rows are read beside the gateway that
// writes, and every line of the export is held to the chain.
func TestAnExportedJournalProvesItself(t *testing.T) {
	path := filepath.Join(t.TempDir(), "intact.db")
	db := open(t, path, store.Options{})
	const rows = 12
	for i := range rows {
		commit(t, db, store.Change{At: morning, Entries: []store.Entry{
			{Gateway: "g", At: morning + gateway.Instant(i), Kind: "ticket.done", Facility: "lift-1", By: "王 & <Söhne>", Body: []byte(`{"note":"换门机皮带 \u003c2 mm\u003e","n":` + fmt.Sprint(i) + `}`)},
		}})
	}
	record, err := store.OpenRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	if n, err := record.Verify(t.Context()); n != rows || err != nil {
		t.Errorf("beside the gateway: %d rows, %v", n, err)
	}
	all, err := record.Journal(t.Context(), 0, rows)
	if err != nil {
		t.Fatal(err)
	}
	lines := exported(t, all)
	verify := func(lines []string) (first, last store.Entry, err error) {
		return store.VerifyLines(strings.NewReader(strings.Join(lines, "")))
	}
	if first, last, err := verify(lines); first.Seq != 1 || last.Hash != all[rows-1].Hash || err != nil {
		t.Errorf("the whole: rows %d to %d, %v", first.Seq, last.Seq, err)
	}
	if first, last, err := verify(lines[4:9]); first.Seq != 5 || last.Seq != 9 || err != nil {
		t.Errorf("a part: rows %d to %d, %v", first.Seq, last.Seq, err)
	}
	for i := range lines {
		for what, change := range map[string]func([]string) []string{
			"another time":   func(l []string) []string { l[i] = strings.Replace(l[i], "T0", "T1", 1); return l },
			"another note":   func(l []string) []string { l[i] = strings.Replace(l[i], "皮带", "钢带", 1); return l },
			"another person": func(l []string) []string { l[i] = strings.Replace(l[i], "王", "李", 1); return l },
			"twice":          func(l []string) []string { return slices.Insert(l, i, l[i]) },
		} {
			if _, _, err := verify(change(slices.Clone(lines))); !errors.Is(err, store.ErrAltered) {
				t.Errorf("row %d, %s: %v", i+1, what, err)
			}
		}
		if i > 0 && i < rows-1 {
			if _, _, err := verify(slices.Delete(slices.Clone(lines), i, i+1)); !errors.Is(err, store.ErrAltered) {
				t.Errorf("row %d taken out: %v", i+1, err)
			}
		}
	}
	if _, _, err := verify([]string{lines[0], "{\"seq\": \n"}); err == nil || !strings.HasPrefix(err.Error(), "line 2:") {
		t.Errorf("half a line: %v", err)
	}
}
