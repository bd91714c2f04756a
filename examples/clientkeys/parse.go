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

func (o *options) parse(args []string) error {
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		opt := o.find(name)
		switch {
		case opt == nil && isHelp(args[i]) && args[i][0] == '-':
			return errHelp
		case opt == nil:
			return o.stray(args, i)
		case !inline && opt.form == toggleValue:
			value = "true"
		case !inline && i+1 == len(args):
			return fmt.Errorf("--%s needs a value", opt.long)
		case !inline:
			i++
			value = args[i]
		}
		if err := opt.check(value); err != nil {
			return err
		}
		if o.set.Set(opt.long, value) != nil {
			return opt.form.misfit(opt.long)
		}
		opt.value = value
	}
	var missing []string
	for _, opt := range o.list {
		if opt.required && opt.value == "" {
			missing = append(missing, "--"+opt.long)
		}
	}
	if len(missing) > 0 {
		return errors.New("missing " + strings.Join(missing, ", "))
	}
	return nil
}

// find returns the option of a name with its dashes, or nil.
func (o *options) find(dashed string) *option {
	name := strings.TrimPrefix(strings.TrimPrefix(dashed, "-"), "-")
	if name == dashed {
		return nil
	}
	for _, opt := range o.list {
		if name == opt.long || name == opt.short && opt.short != "" {
			return opt
		}
	}
	return nil
}

// stray explains an argument that is no option of the command.
func (o *options) stray(args []string, i int) error {
	name, _, _ := strings.Cut(args[i], "=")
	for _, opt := range o.list {
		if strings.EqualFold(strings.TrimLeft(name, "-"), opt.long) {
			return fmt.Errorf("argument %d after the command is not spelled like an option: --%s", i+1, opt.long)
		}
	}
	hint := "values with spaces need quotes"
	if i > 0 {
		before, value, inline := strings.Cut(args[i-1], "=")
		switch opt := o.find(before); {
		case opt != nil && inline && value == "":
			hint = fmt.Sprintf("--%s= has nothing after it; there is no space after =", opt.long)
		case opt != nil && opt.form == toggleValue:
			hint = fmt.Sprintf("--%s takes no value", opt.long)
		}
	}
	if strings.HasPrefix(args[i], "-") {
		return fmt.Errorf("argument %d after the command is no option of it; %s", i+1, hint)
	}
	return fmt.Errorf("argument %d after the command is a value without an option; %s", i+1, hint)
}

func (f form) misfit(name string) error {
	return fmt.Errorf("--%s is %s", name, map[form]string{
		toggleValue: "true or false, or stands alone", numberValue: "a whole number", periodValue: "a time like 90m or 720h",
	}[f])
}

// The longest values, in characters. A key that lands in the wrong option is
// longer, or of a form that no name has.
const (
	maxName = 255
	maxPath = 1024
)

// check refuses what an option cannot mean before it is used or shown.
func (opt *option) check(value string) error {
	switch opt.form {
	case toggleValue, numberValue, periodValue, secretValue:
		return nil
	case urlValue:
		if !isURL(value) {
			return fmt.Errorf("--%s is no URL like https://example.no", opt.long)
		}
	case nameValue:
		if len(value) > maxName {
			return fmt.Errorf("--%s is longer than %d characters", opt.long, maxName)
		}
	case pathValue:
		if len(value) > maxPath {
			return fmt.Errorf("--%s is longer than the path of a file", opt.long)
		}
	}
	if isKey(value) {
		return fmt.Errorf("--%s looks like a key or holds line breaks; it was not used", opt.long)
	}
	return nil
}

// minHidden is the length from which a value may be a secret, in bytes.
const minHidden = 8

// nameValues is an error in whose text the option stands where its value
// would be: the operating system repeats what it was given as a path.
func (o *options) nameValues(err error) error {
	said := err.Error()
	for _, opt := range o.list {
		if (opt.form == pathValue || opt.form == secretValue) && len(opt.value) >= minHidden {
			said = strings.ReplaceAll(said, opt.value, "(--"+opt.long+")")
		}
	}
	if said == err.Error() {
		return err
	}
	return errors.New(said)
}
