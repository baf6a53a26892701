package waf

// sqlTokens is what HIGH sensitivity adds to libinjection's grammar: the value
// is read as SQL words and marks, and two things no ordinary value has are
// looked for: a statement's skeleton (select … from, union … select, insert
// into, drop table, …), or a quote that closes into SQL (a comment, a boolean
// comparison, a stacked statement, a call).
func sqlTokens(s string) bool {
	var state sqlState
	for i := 0; i < len(s); {
		n := wordLen(s[i:])
		if n > 0 {
			if state.word(s[i : i+n]) {
				return true
			}
			i += n
			continue
		}
		if state.mark(s[i:]) {
			return true
		}
		i++
	}
	return false
}

// sqlState is what was read so far.
type sqlState struct {
	// open is the skeleton's first word: 's' select, 'u' union, 'i' insert,
	// 'd' drop, alter, create, truncate, 'x' exec, 'D' delete, 'U' update.
	open byte
	// gap counts the words since open.
	gap int
	// broken says that a quote has been seen, logic that a boolean operator
	// followed it, marked that a list or a call followed open.
	broken, logic, marked bool
	last                  byte
}

// maxGap is how many words may stand between the halves of a skeleton.
const maxGap = 24

// word takes a word and says whether it completes a finding.
func (q *sqlState) word(w string) bool {
	q.last = 'w'
	if q.open != 0 {
		if q.gap++; q.gap > maxGap {
			q.open = 0
		}
	}
	if q.completes(w) {
		return true
	}
	if o := sqlOpening(w); o != 0 && (q.open != 'u' || o != 's') {
		q.open, q.gap, q.marked = o, 0, false
	}
	if q.broken && (sameName(w, "or") || sameName(w, "and") || sameName(w, "xor") || sameName(w, "having")) {
		q.logic = true
	}
	return false
}

func sqlOpening(w string) byte {
	for _, o := range [...]struct {
		word string
		open byte
	}{
		{"select", 's'},
		{"union", 'u'},
		{"insert", 'i'},
		{"drop", 'd'},
		{"alter", 'd'},
		{"truncate", 'd'},
		{"create", 'd'},
		{"exec", 'x'},
		{"execute", 'x'},
		{"delete", 'D'},
		{"update", 'U'},
		{"waitfor", 'w'},
	} {
		if sameName(w, o.word) {
			return o.open
		}
	}
	return 0
}

// completes says whether w is the second half of the open skeleton. Halves that
// ordinary prose joins too must stand side by side.
func (q *sqlState) completes(w string) bool {
	near := q.gap == 1
	switch q.open {
	case 's':
		return sameName(w, "from") && (q.broken || q.marked) || sameName(w, "pg_sleep")
	case 'u':
		return sameName(w, "select") && q.gap <= 2
	case 'i':
		return q.broken && near && sameName(w, "into")
	case 'd':
		return near && q.broken && (sameName(w, "table") || sameName(w, "database"))
	case 'x':
		return near && len(w) > 3 && (sameName(w[:3], "xp_") || sameName(w[:3], "sp_"))
	case 'D':
		return near && q.broken && sameName(w, "from")
	case 'U':
		return q.broken && sameName(w, "set")
	case 'w':
		return near && sameName(w, "delay")
	}
	return false
}

// mark takes a byte of no word, and says whether it completes a finding.
func (q *sqlState) mark(s string) bool {
	c := s[0]
	switch {
	case c == '\'' || c == '"' || c == '`':
		if q.logic && q.last == '=' {
			return true
		}
		q.broken = q.broken || q.last != 'w' || !contraction(s[1:])
	case c == ';':
		q.open = 0
		if q.broken {
			q.last = ';'
			return false
		}
	case c == '=' || c == '<' || c == '>':
		if q.logic && q.last == 'w' {
			return true
		}
	case c == '-' && len(s) > 1 && s[1] == '-', c == '#':
		if q.broken && (len(s) <= 2 || c == '-') {
			return true
		}
	case c == '*' || c == '(' || c == ',' || c == '@':
		q.marked = true
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return false
	}
	q.last = c
	return false
}

// contraction says that an apostrophe after a word is English: don't, we'll.
func contraction(rest string) bool {
	w := rest[:wordLen(rest)]
	switch w {
	case "s", "t", "d", "m", "ll", "re", "ve", "S", "T":
		return true
	}
	return false
}
