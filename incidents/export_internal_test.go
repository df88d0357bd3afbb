package incidents

// Table is the table of kinds, for tests of its rows.
func Table() map[Kind]Meaning { return table }
