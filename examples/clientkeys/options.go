package main

import (
	"flag"
	"fmt"
	"io"
	"time"
)

// options are the flags of one command. Each has a long name and most have a
// short one; one dash or two, and "=" or a space, are all the same.
type options struct {
	set  *flag.FlagSet
	list []*option // in the order in which they are explained
}

type option struct {
	long, short, usage string
	form
	required bool
	value    string // as it was given
}

// form says what the value of an option may look like.
type form int

const (
	toggleValue form = iota // none, or true or false
	numberValue             // an integer
	periodValue             // a Go duration
	nameValue               // a name
	pathValue               // of a file or directory
	urlValue                // a URL of http or https
	secretValue             // a key or a password, of any form
)

func newOptions() *options { return &options{set: flag.NewFlagSet("", flag.ContinueOnError)} }

// add declares an option under both names; the variable holds its default.
func (o *options) add(f form, long, short, usage string, declare func(name string)) *option {
	opt := &option{long: long, short: short, usage: usage, form: f}
	o.list = append(o.list, opt)
	declare(long)
	if short != "" {
		declare(short)
	}
	return opt
}

func (o *options) string(f form, p *string, long, short, usage string) *option {
	return o.add(f, long, short, usage, func(name string) { o.set.StringVar(p, name, *p, "") })
}

func (o *options) text(p *string, long, short, usage string) {
	o.string(nameValue, p, long, short, usage)
}
func (o *options) path(p *string, long, short, usage string) {
	o.string(pathValue, p, long, short, usage)
}
func (o *options) secret(p *string, long, short, usage string) {
	o.string(secretValue, p, long, short, usage)
}

func (o *options) required(p *string, long, short, usage string) {
	o.string(nameValue, p, long, short, usage+" (required)").required = true
}

func (o *options) requiredPath(p *string, long, short, usage string) {
	o.string(pathValue, p, long, short, usage+" (required)").required = true
}

func (o *options) url(p *string, long, short, usage string) {
	o.string(urlValue, p, long, short, usage)
}

func (o *options) requiredURL(p *string, long, short, usage string) {
	o.string(urlValue, p, long, short, usage+" (required)").required = true
}

func (o *options) number(p *int, long, short, usage string) {
	o.add(numberValue, long, short, usage, func(name string) { o.set.IntVar(p, name, *p, "") })
}

func (o *options) toggle(p *bool, long, short, usage string) {
	o.add(toggleValue, long, short, usage, func(name string) { o.set.BoolVar(p, name, *p, "") })
}

func (o *options) duration(p *time.Duration, long, usage string) {
	o.add(periodValue, long, "", usage, func(name string) { o.set.DurationVar(p, name, *p, "") })
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
