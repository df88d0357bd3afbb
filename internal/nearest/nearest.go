// Package nearest finds the name that somebody probably meant. It knows no meanings: only how many letters differ.
package nearest

import "strings"

// Name is the known name that is nearest to word, letters alike in either case; "" when none is near. Near are two
// changes, of a letter more, less, or another one; in a word of four letters or less one.
func Name(word string, known []string) string {
	best, least := "", 3
	if len(word) <= 4 {
		least = 2
	}
	for _, name := range known {
		if n := changes(strings.ToLower(word), strings.ToLower(name)); n < least {
			best, least = name, n
		}
	}
	return best
}

// changes counts the letters that have to be added, removed or replaced (V. I. Levenshtein, 1966). Two neighbours that have
// changed places count as two.
func changes(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 3 // or more: too many
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
