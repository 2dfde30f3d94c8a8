package drivers_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/intact-gateway/intact/drivers"
	"github.com/intact-gateway/intact/gateway"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRegisterTablesBecomeDrafts drafts the profiles of the tables in testdata.
// Package configs loads the drafts.
func TestRegisterTablesBecomeDrafts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options drivers.ImportOptions
		points  int
	}{
		{"drive-en", drivers.ImportOptions{Name: "acme-drive", Class: gateway.Drive, Numbering: "wire_0based"}, 9},
		{"meter-zh", drivers.ImportOptions{Name: "ACME 电表"}, 7},
	} {
		table, err := os.Open("testdata/" + tt.name + ".csv")
		if err != nil {
			t.Fatal(err)
		}
		defer table.Close()
		tt.options.File = tt.name + ".csv"
		draft, err := drivers.ImportTable(table, tt.options)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		golden := "testdata/" + tt.name + ".yaml"
		if *update {
			if err := os.WriteFile(golden, draft.YAML, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(draft.YAML)); diff != "" {
			t.Errorf("%s (-want +got); run with -update if the new one is right:\n%s", golden, diff)
		}
		if n := strings.Count(string(draft.YAML), "#   - "); n != draft.Guesses || draft.Points != tt.points {
			t.Errorf("%s: %d points and %d guesses, listed are %d", tt.name, draft.Points, draft.Guesses, n)
		}
	}
}

func TestCellsAreReadAsMakersWriteThem(t *testing.T) {
	for row, want := range map[string]string{
		"a,0x1A,":               "reg: 0x001A,",
		"a,1AH,":                "reg: 0x001A,",
		"a,26,":                 "reg: 26,",
		"a,300–301,":            "reg: 300, type: u32",
		"a,100.bit7,":           "reg: 100, bit: 7",
		"a,7,\"10^-2\"":         "scale: 0.01",
		"a,7,1/10":              "scale: 0.1",
		"a,7,×0.1V":             "scale: 0.1, unit: \"V\"",
		"a,7,1":                 "reg: 7, name:",
		"total volume,7,1 m³":   "unit: \"m3\", kind: counter",
		"link,7,":               "  r7: {",
		"\"say \"\"hi\"\"\",7,": `name: {zh: "say \"hi\"",`,
	} {
		draft, err := drivers.ImportTable(strings.NewReader("\uFEFFName,Addr,Factor\n"+row+"\nother,0,\n"), drivers.ImportOptions{Name: "acme"})
		if err != nil || !strings.Contains(string(draft.YAML), want) {
			t.Errorf("%s: %v, want %s in\n%s", row, err, want, draft.YAML)
		}
	}
}

func TestNumberingIsGuessedFromAllAddresses(t *testing.T) {
	for addresses, want := range map[string]string{
		"0 5 9": "wire_0based", "1 5 9": "wire_0based", "40001 30001": "modicon5", "40001 50001": "wire_0based", "400001 300002": "modicon6", "20001 20002": "wire_0based",
	} {
		table := "Name\tAddress\n"
		for _, a := range strings.Fields(addresses) {
			table += "x\t" + a + "\n"
		}
		draft, err := drivers.ImportTable(strings.NewReader(table), drivers.ImportOptions{Name: "acme"})
		if err != nil || !strings.Contains(string(draft.YAML), "numbering: "+want+",") {
			t.Errorf("%s: %v, want %s in\n%s", addresses, err, want, draft.YAML)
		}
	}
}

func TestWhatIsNoRegisterTableSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "no line names the columns",
		"a,b,c\n1,2,3\n":             "no line names the columns",
		"name,address\nx,none\n":     "no line below the headings has a register address",
		"name,address\nx,\xc4\xe3\n": "UTF-8",
		strings.Repeat("x", 5<<20):   "MiB",
	} {
		if _, err := drivers.ImportTable(strings.NewReader(text), drivers.ImportOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q gave %v, want %s", text, err, want)
		}
	}
}

func FuzzImportTable(f *testing.F) {
	f.Add("name,address,type,scale,unit\nU,40001,u16,0.1,V\n")
	f.Add("名称;地址;类型\nA相电压;0x10-0x11;浮点\n")
	f.Add("name\taddress\tbit\nx\t1.99\t-3\n")
	f.Fuzz(func(t *testing.T, text string) {
		draft, err := drivers.ImportTable(strings.NewReader(text), drivers.ImportOptions{Name: "fuzz", File: "t.csv"})
		if err == nil && (draft.Points == 0 || len(draft.YAML) == 0) {
			t.Error("a draft without points")
		}
	})
}
