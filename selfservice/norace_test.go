//go:build !race

package selfservice_test

const histories = 100
