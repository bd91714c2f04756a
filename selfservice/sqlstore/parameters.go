package sqlstore

import (
	"cmp"
	"encoding/hex"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sql puts the table's name and the dialect's parameters into a statement.
func (t Table) sql(statement string) string {
	name := cmp.Or(t.Name, "nokkel_state")
	base := name[strings.IndexByte(name, '.')+1:]
	statement = strings.NewReplacer("{table}", name, "{base}", base, "{index}", name+"_due").Replace(statement)
	statement = t.Dialect.parameters(statement)
	if t.Dialect != PostgreSQL {
		return statement
	}
	parts := strings.Split(statement, "?")
	for i := range len(parts) - 1 {
		parts[i] += "$" + strconv.Itoa(i+1)
	}
	return strings.Join(parts, "")
}

// parameters puts the dialect's parameters into a statement: ? for a number,
// {text} for a name and {blob} for a blob.
func (d Dialect) parameters(statement string) string {
	text, blob := "?", "?"
	switch d {
	case PostgreSQL:
		// In a table that Create did not make the column may have another type.
		// Without the cast PostgreSQL says so by quoting the value.
		blob = "?::bytea"
	case MySQL:
		text, blob = "UNHEX(?)", "UNHEX(?)"
	}
	return strings.NewReplacer("{text}", text, "{blob}", blob).Replace(statement)
}

// args returns the parameters as the statement takes them. MySQL converts those
// that are not numbers from one character set of the session to another, which
// hexadecimal digits survive.
func (t Table) args(args []any) []any {
	if t.Dialect != MySQL {
		return args
	}
	all := make([]any, len(args))
	for i, arg := range args {
		switch a := arg.(type) {
		case string:
			arg = hex.EncodeToString([]byte(a))
		case []byte:
			arg = hex.EncodeToString(a)
		}
		all[i] = arg
	}
	return all
}

// starting returns a condition for the names that start with prefix, and its
// parameters.
func starting(prefix string) (condition string, args []any) {
	if prefix == "" {
		return "1 = 1", nil
	}
	// UTF-8 sorts like its runes, of which no name has the highest.
	last, size := utf8.DecodeLastRuneInString(prefix)
	next := last + 1
	if next == surrogates {
		next = afterSurrogates
	}
	return "name >= {text} AND name < {text}", []any{prefix, prefix[:len(prefix)-size] + string(next)}
}

// No text has these runes.
const (
	surrogates      = 0xD800
	afterSurrogates = 0xE000
)
