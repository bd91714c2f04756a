//go:build race

package selfservice_test

// Under the race detector, which is ten times slower, fewer histories do: what
// they find beyond a race they find without it.
const histories = 25
