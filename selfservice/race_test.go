//go:build race

package selfservice_test

// histories are few under the race detector, which is ten times slower. Without it
// the stage simulate of the CI plays thousands.
const histories = 25
