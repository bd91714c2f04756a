// Package processes tests rotators in real processes that share one store and
// are killed in the middle of rotations. It has no code of its own.
package processes
