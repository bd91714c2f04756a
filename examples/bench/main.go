// Bench measures what nokkel does for every request, side by side with other
// Go libraries and with nothing but the standard library's signature, or its
// verification.
//
//	go run . -rounds 1000 -cpu 1
//
// The contenders take turns in batches of half a millisecond, so that whatever
// else the machine does hits all alike, and each is compared with the raw
// signature of the same round. What each makes is verified once before, with
// the standard library. go test -bench . gives the same in the usual form.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
)

func main() {
	rounds := flag.Int("rounds", 300, "batches of each contender")
	cpu := flag.Int("cpu", 1, "goroutines and GOMAXPROCS")
	flag.Parse()
	if *rounds < 1 || *cpu < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(os.Stdout, *rounds, *cpu); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, rounds, cpu int) error {
	runtime.GOMAXPROCS(cpu)
	tasks, err := allTasks()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, GOMAXPROCS=%d, medians of %d rounds\n", runtime.Version(), cpu, rounds)
	for _, t := range tasks {
		if err := t.verify(); err != nil {
			return err
		}
		fmt.Fprintf(out, "\n%s\n", t.name)
		w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
		fmt.Fprintln(w, "\tns/op\tallocs/op\tx raw\t")
		for _, r := range measure(t.contenders, rounds, cpu) {
			fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%.3f\t\n", r.name, r.nanoseconds, r.allocs, r.ratio)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return nil
}
