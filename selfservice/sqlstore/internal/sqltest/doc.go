// Package sqltest runs sqlstore on SQLite and MySQL. Their drivers are large,
// so it is a module of its own: users of nokkel do not see them.
package sqltest
