package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/intact-gateway/intact/alerts"
	"github.com/intact-gateway/intact/alerts/notify"
	"github.com/intact-gateway/intact/alerts/tickets"
	"github.com/intact-gateway/intact/gateway/store"
	"github.com/intact-gateway/intact/rules"
)

// childPath tells a copy of this test binary to be the writer that is killed.
const (
	childPath   = "INTACT_STORE_CHILD"
	childLimits = "INTACT_STORE_LIMIT" // write under a limit instead, where writing fails
)

func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		child := writeUntilKilled
		if os.Getenv(childLimits) != "" {
			child = writePastLimit
		}
		if err := child(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// writeUntilKilled commits one alert after the other and says so when it has
// been acknowledged. Every second notice is settled, too.
func writeUntilKilled(path string) error {
	ctx := context.Background()
	db, err := store.Open(path, store.Options{})
	if err != nil {
		return err
	}
	s, err := db.Load(ctx, morning, shanghai)
	if err != nil {
		return err
	}
	for id := s.LastAlert + 1; ; id++ {
		if err := db.Commit(ctx, raise(id)); err != nil {
			return err
		}
		fmt.Println("committed", id)
		if id%2 == 0 {
			if err := db.Settle(ctx, notify.Outcome{Key: fmt.Sprint("k", id), At: morning}); err != nil {
				return err
			}
			fmt.Println("settled", id)
		}
	}
}

func raise(id alerts.ID) store.Change {
	e := entry("alert.raised", morning)
	e.Body = fmt.Appendf(nil, `{"id":%d}`, id)
	return store.Change{
		At: morning, Entries: []store.Entry{e},
		Alerts:  []alerts.Alert{{ID: id}},
		Tickets: []tickets.Ticket{{ID: tickets.ID(id), Family: fmt.Sprint(id), State: tickets.New}},
		Notices: []notify.Notice{{Key: fmt.Sprint("k", id), Receiver: "desk", Alert: id, Made: morning}},
		Rules: []rules.State{
			{Key: fmt.Sprint(id), Terms: "t", Records: []rules.Record{{Kind: "step", Body: []byte("{}")}}},
			{Key: fmt.Sprint(id - 3)}, // the newest three are in force
		},
	}
}

// One kill finds the writer wherever it happens to be after a random number of
// acknowledgements: preparing, writing, syncing or checkpointing.
func TestKilledAtAnyInstantNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "intact.db")
	acked, settled := map[int]bool{}, map[int]bool{}
	for range 30 {
		killWriter(t, path, 1+rand.IntN(60), acked, settled)
		checkLedger(t, path, acked, settled)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d commits acknowledged, none lost", len(acked))
}

func killWriter(t *testing.T, path string, after int, acked, settled map[int]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+path)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for in := bufio.NewReader(out); ; lines++ {
		if lines == after {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		line, err := in.ReadString('\n') // what it said before it was killed still comes
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		var what string
		var id int
		if _, err := fmt.Sscan(line, &what, &id); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if what == "settled" {
			settled[id] = true
		} else {
			acked[id] = true
		}
	}
	if err := cmd.Wait(); lines < after {
		t.Fatalf("the writer ended by itself: %v", err)
	}
}

func checkLedger(t *testing.T, path string, acked, settled map[int]bool) {
	t.Helper()
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	journal, err := db.Journal(t.Context(), 0, int(rows)+1)
	if err != nil {
		t.Fatal(err)
	}
	inJournal := map[int]bool{}
	for _, e := range journal {
		var id int
		if _, err := fmt.Sscanf(string(e.Body), `{"id":%d}`, &id); err != nil || inJournal[id] {
			t.Errorf("row %d: alert %d is there twice, or %v", e.Seq, id, err)
		}
		inJournal[id] = true
	}
	list, err := db.Alerts(t.Context(), store.Query{Limit: int(rows) + 9})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != len(journal) {
		t.Errorf("%d rows in the journal and %d alerts: half a change was written", len(journal), len(list))
	}
	for id := range acked {
		if !inJournal[id] {
			t.Errorf("alert %d was acknowledged and is lost", id)
		}
	}
	checkRules(t, db, len(journal))
	due, _, err := db.Due(t.Context(), "desk", morning, int(rows)+9)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range due {
		if settled[int(n.Alert)] {
			t.Errorf("notice %s was settled and is due again", n.Key)
		}
	}
	if len(due)+len(settled) < len(journal)-1 || len(due) > len(journal)-len(settled) {
		t.Errorf("%d notices due and %d settled of %d", len(due), len(settled), len(journal))
	}
}

// checkRules holds where the rules stand against the number of alerts: each
// change begins one and ends another.
func checkRules(t *testing.T, db *store.DB, raised int) {
	t.Helper()
	s, err := db.Load(t.Context(), morning, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	var keys []int
	for _, r := range s.Rules {
		id, _ := strconv.Atoi(r.Key)
		keys = append(keys, id)
	}
	slices.Sort(keys)
	if want := []int{raised - 2, raised - 1, raised}; raised > 3 && !slices.Equal(keys, want) {
		t.Errorf("the rules of alerts %v are in force, want %v", keys, want)
	}
}

// wal commits n changes and returns, for a copy of the files as a power cut
// would leave them, the write-ahead log and its length after each commit.
func wal(t *testing.T, n int) (base, log []byte, ends []int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "intact.db")
	open(t, path, store.Options{}).Close()
	db := open(t, path, store.Options{})
	for id := range n {
		commit(t, db, raise(alerts.ID(id+1)))
		b, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		log, ends = b, append(ends, len(b))
	}
	base, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return base, log, ends
}

// survivors opens a copy of base and log and returns how many commits are
// there, whole.
func survivors(t *testing.T, base, log []byte) int64 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "intact.db")
	write(t, path, base)
	write(t, path+"-wal", log)
	db, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Verify(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, err := db.Load(t.Context(), morning, shanghai)
	if err != nil {
		t.Fatal(err)
	}
	if int64(s.LastAlert) != rows || int64(len(s.Tickets)) != rows {
		t.Errorf("%d rows in the journal, %d alerts, %d tickets", rows, s.LastAlert, len(s.Tickets))
	}
	return rows
}

func TestATornOrFlippedTailLosesOnlyWhatLiesBehindIt(t *testing.T) {
	t.Parallel()
	const commits = 4
	base, log, ends := wal(t, commits)
	whole := func(upTo int) (n int64) {
		for _, end := range ends {
			if end <= upTo {
				n++
			}
		}
		return n
	}
	if got := survivors(t, base, log); got != commits {
		t.Fatalf("the untouched copy has %d of %d commits", got, commits)
	}
	offsets := []int{0, 31, 32, len(log) - 1}
	for _, end := range ends {
		offsets = append(offsets, end-1, end, end+24)
	}
	for at := 57; at < len(log); at += 6143 {
		offsets = append(offsets, at)
	}
	for _, at := range offsets {
		if at >= len(log) {
			continue
		}
		if got := survivors(t, base, log[:at]); got != whole(at) {
			t.Errorf("cut at byte %d: %d commits left, want %d", at, got, whole(at))
		}
		flipped := append([]byte(nil), log...)
		flipped[at] ^= 0x40
		if got := survivors(t, base, flipped); got != whole(at) {
			t.Errorf("byte %d flipped: %d commits left, want %d", at, got, whole(at))
		}
		zeroed := append(append([]byte(nil), log[:at]...), make([]byte, len(log)-at)...)
		if got := survivors(t, base, zeroed); got != whole(at) {
			t.Errorf("zeros from byte %d on: %d commits left, want %d", at, got, whole(at))
		}
	}
}

// writePastLimit meets a write error that is not a full disk, again and again,
// and goes on once the disk takes more.
func writePastLimit(path string) error {
	ctx := context.Background()
	db, err := store.Open(path, store.Options{})
	if err != nil {
		return err
	}
	var id alerts.ID
	var limit syscall.Rlimit
	for round := range 3 {
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		log, err := os.Stat(path + "-wal")
		if err != nil {
			return err
		}
		tight := syscall.Rlimit{Cur: uint64(log.Size()) + 100_000, Max: limit.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
			return err
		}
		for err == nil {
			if err = db.Commit(ctx, raise(id+1)); err == nil {
				id++
			}
		}
		fmt.Println("round", round, "after", id, "commits:", err)
		if db.Commit(ctx, raise(id+1)) == nil {
			return errors.New("written past the limit")
		}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			return err
		}
		if err := db.Commit(ctx, raise(id+1), raise(id+2)); err != nil {
			return fmt.Errorf("after the disk works again: %w", err)
		}
		id += 2
	}
	rows, err := db.Verify(ctx)
	if rows != int64(id) {
		err = errors.Join(err, fmt.Errorf("%d rows of %d", rows, id))
	}
	return errors.Join(err, db.Close())
}

func TestAWriteErrorLosesNothingAndIsOverWhenTheDiskWorks(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childPath+"="+filepath.Join(t.TempDir(), "intact.db"), childLimits+"=1")
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil || strings.Count(string(out), "disk I/O error") != 3 {
		t.Error(err)
	}
}

func TestAFullDatabaseRefusesWholeCommitsAndGoesOnWhenThereIsRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "intact.db")
	db := open(t, path, store.Options{MaxPages: 60})
	big := func(id alerts.ID) store.Change {
		c := raise(id)
		c.Entries[0].Body = fmt.Appendf(nil, `{"id":%d,"x":%q}`, id, strings.Repeat("x", 1000))
		return c
	}
	var last alerts.ID
	var err error
	for err == nil {
		if err = db.Commit(t.Context(), big(last+1)); err == nil {
			last++
		}
		if last > 1000 {
			t.Fatal("60 pages hold more than 1000 kB")
		}
	}
	if !errors.Is(err, store.ErrFull) || !strings.Contains(err.Error(), "free space") {
		t.Fatalf("the full database gave %v", err)
	}
	for range 3 {
		if err := db.Commit(t.Context(), big(last+1), big(last+2)); !errors.Is(err, store.ErrFull) {
			t.Fatalf("a full database gave %v", err)
		}
	}
	expectWhole := func(n alerts.ID) {
		t.Helper()
		rows, err := db.Verify(t.Context())
		s, err2 := db.Load(t.Context(), morning, shanghai)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if rows != int64(n) || s.LastAlert != n || s.LastTicket != tickets.ID(n) {
			t.Errorf("journal has %d rows, alerts %d, tickets %d; want %d of each", rows, s.LastAlert, s.LastTicket, n)
		}
	}
	expectWhole(last)
	if err := db.Heartbeat(t.Context(), morning+1); err != nil {
		t.Errorf("heartbeat on a full database: %v", err)
	}
	due, _, err := db.Due(t.Context(), "desk", morning, 1000)
	if err != nil || len(due) != int(last) {
		t.Fatalf("%d notices due, %v", len(due), err)
	}
	for _, n := range due {
		if err := db.Settle(t.Context(), notify.Outcome{Key: n.Key, At: morning}); err != nil {
			t.Fatalf("settle on a full database: %v", err)
		}
	}
	db.Close()
	db = open(t, path, store.Options{MaxPages: 120})
	commit(t, db, big(last+1), big(last+2))
	expectWhole(last + 2)
}
