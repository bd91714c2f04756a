package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"
)

// options are the flags of one command. Each has a long name and most have a
// short one; one dash or two, and "=" or a space, are all the same.
type options struct {
	set  *flag.FlagSet
	list []option // in the order in which they are explained
}

type option struct {
	long, short, usage string
	required           *string // nil: the command works without
	url                bool    // of the required value
}

func newOptions() *options {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard) // main prints the error, once
	set.Usage = func() {}
	return &options{set: set}
}

// add declares an option under both names; the variable holds its default.
func (o *options) add(opt option, declare func(name string)) {
	o.list = append(o.list, opt)
	declare(opt.long)
	if opt.short != "" {
		declare(opt.short)
	}
}

func (o *options) text(p *string, long, short, usage string) {
	o.add(option{long: long, short: short, usage: usage}, func(name string) { o.set.StringVar(p, name, *p, "") })
}

func (o *options) required(p *string, long, short, usage string) {
	o.add(option{long: long, short: short, usage: usage + " (required)", required: p}, func(name string) { o.set.StringVar(p, name, *p, "") })
}

func (o *options) requiredURL(p *string, long, short, usage string) {
	o.required(p, long, short, usage)
	o.list[len(o.list)-1].url = true
}

func (o *options) number(p *int, long, short, usage string) {
	o.add(option{long: long, short: short, usage: usage}, func(name string) { o.set.IntVar(p, name, *p, "") })
}

func (o *options) toggle(p *bool, long, short, usage string) {
	o.add(option{long: long, short: short, usage: usage}, func(name string) { o.set.BoolVar(p, name, *p, "") })
}

func (o *options) duration(p *time.Duration, long, usage string) {
	o.add(option{long: long, usage: usage}, func(name string) { o.set.DurationVar(p, name, *p, "") })
}

// parse reads the arguments. Its errors hold no value of a text option, since
// one may be a key or a password.
func (o *options) parse(args []string) error {
	if err := o.set.Parse(args); err != nil {
		return err
	}
	if o.set.NArg() > 0 {
		return errors.New("a value without an option; values with spaces need quotes")
	}
	var missing []string
	for _, opt := range o.list {
		if opt.required != nil && *opt.required == "" {
			missing = append(missing, "--"+opt.long)
		}
	}
	if len(missing) > 0 {
		return errors.New("missing " + strings.Join(missing, ", "))
	}
	for _, opt := range o.list {
		if opt.url && !isURL(*opt.required) {
			return errors.New("--" + opt.long + " is no URL like https://example.no")
		}
	}
	return nil
}

// isURL leaves it to the packages that call the address to refuse http.
func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

func (o *options) print(w io.Writer) {
	for _, opt := range o.list {
		names := "--" + opt.long
		if opt.short != "" {
			names += ", -" + opt.short
		}
		fmt.Fprintf(w, "  %-34s%s\n", names, opt.usage)
	}
}
