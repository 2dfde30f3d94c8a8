package yaml

import (
	"fmt"
	"strings"
)

// Suggest returns the hint for a name that does not exist: the one that was
// probably meant, and all there are, unless they are too many to read.
func Suggest(word string, known []string) string {
	var parts []string
	if near := nearest(word, known); near != "" {
		parts = append(parts, fmt.Sprintf("did you mean %q?", near))
	}
	const most = 32
	if len(known) > 0 && len(known) <= most {
		parts = append(parts, "known: "+strings.Join(known, ", "))
	}
	return strings.Join(parts, " ")
}

// nearest returns the name in known that word is most likely a slip of: one
// letter left out, added, wrong or swapped with its neighbour, and one more for
// each three letters of a longer word. It returns "" if none is that near.
func nearest(word string, known []string) string {
	letters := []rune(word)
	if len(letters) > 64 {
		return "" // no name is that long, and comparing takes its square
	}
	best, least := "", max(1, (len(letters)+1)/3)+1
	for _, name := range known {
		if n := distance(letters, []rune(name)); n < least && n < len(name) {
			best, least = name, n
		}
	}
	return best
}

// distance returns how many single edits lead from a to b; swapping two
// neighbours is one of them.
func distance(a, b []rune) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range a {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range b {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
