// Package sqltest runs sqlstore on SQLite and MySQL. It is a module of its own so
// that nokkel does not depend on their drivers.
package sqltest
