package main

import (
	"errors"
	"fmt"
	"strings"
)

// The arguments are read here and not by package flag, whose errors repeat
// what was typed: after a slip that may be a private key. An error names the
// option, or the place of an argument that belongs to none.

var errHelp = errors.New("help was asked for")

func (in *input) parse(args []string) error {
	given := make(map[string]bool)
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		opt := in.find(name)
		switch {
		case opt == nil && isHelp(args[i]) && args[i][0] == '-':
			return errHelp
		case opt == nil:
			return in.stray(args, i)
		case !inline && opt.form == toggleForm:
			value = "true"
		case !inline && i+1 == len(args):
			return fmt.Errorf("--%s needs a value", opt.long)
		case !inline:
			i++
			value = args[i]
		}
		if err := opt.set(value); err != nil {
			return err
		}
		given[opt.long] = value != ""
	}
	var missing []string
	for _, opt := range in.options {
		if opt.required && !given[opt.long] {
			missing = append(missing, "--"+opt.long)
		}
	}
	if len(missing) > 0 {
		return errors.New("missing " + strings.Join(missing, ", "))
	}
	return nil
}

// find returns the option of a name with its dashes, or nil.
func (in *input) find(dashed string) *option {
	name := strings.TrimPrefix(strings.TrimPrefix(dashed, "-"), "-")
	if name == dashed {
		return nil
	}
	for i, opt := range in.options {
		if name == opt.long || name == opt.short && opt.short != "" {
			return &in.options[i]
		}
	}
	return nil
}

// stray explains an argument that is no option of the command.
func (in *input) stray(args []string, i int) error {
	name, _, _ := strings.Cut(args[i], "=")
	for _, opt := range in.options {
		if strings.EqualFold(strings.TrimLeft(name, "-"), opt.long) {
			return fmt.Errorf("argument %d after the command is not spelled like an option: --%s", i+1, opt.long)
		}
	}
	hint := "values with spaces need quotes"
	if i > 0 {
		before, value, inline := strings.Cut(args[i-1], "=")
		switch opt := in.find(before); {
		case opt != nil && inline && value == "":
			hint = fmt.Sprintf("--%s= has nothing after it; there is no space after =", opt.long)
		case opt != nil && opt.form == toggleForm:
			hint = fmt.Sprintf("--%s takes no value", opt.long)
		}
	}
	if strings.HasPrefix(args[i], "-") {
		return fmt.Errorf("argument %d after the command is no option of it; %s", i+1, hint)
	}
	return fmt.Errorf("argument %d after the command is a value without an option; %s", i+1, hint)
}
