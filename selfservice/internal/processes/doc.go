// Package processes tests Rotators in processes that share one store and are killed
// in the middle of rotations. It has only tests.
package processes
