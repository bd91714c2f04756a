package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// option is one option of a command. It has a long name and most have a short
// one; one dash or two, and "=" or a space, are all the same.
type option struct {
	long, short, usage string
	form
	required bool
	value    string // as it was given, or the default
}

// form says what the value of an option may look like.
type form int

const (
	toggleForm form = iota // none, or true or false
	numberForm             // an integer
	periodForm             // a Go duration
	textForm               // a name
	pathForm               // of a file or directory
	urlForm                // a URL of http or https
	secretForm             // a key or a password, of any form
)

func toggle(long, short, usage string) option {
	return option{long: long, short: short, usage: usage, form: toggleForm, value: "false"}
}

func number(long, short, usage string) option {
	return option{long: long, short: short, usage: usage, form: numberForm, value: "0"}
}

func text(long, short, usage string) option {
	return option{long: long, short: short, usage: usage, form: textForm}
}

func path(long, short, usage string) option {
	return option{long: long, short: short, usage: usage, form: pathForm}
}

func address(long, short, usage string) option {
	return option{long: long, short: short, usage: usage, form: urlForm}
}

func period(long, usage string) option {
	return option{long: long, usage: usage, form: periodForm, value: "0"}
}

func required(o option) option {
	o.required, o.usage = true, o.usage+" (required)"
	return o
}

// preset is an option with a default, which its usage names.
func preset(value string, o option) option {
	o.value, o.usage = value, o.usage+" (default "+value+")"
	return o
}

// The longest values, in characters. A key that lands in the wrong option is
// longer, or of a form that no name has ([isKey]).
const (
	maxName = 255
	maxPath = 1024
)

// set refuses what an option cannot mean, before it is used or shown.
func (o *option) set(value string) error {
	var err error
	switch o.form {
	case toggleForm:
		if _, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("--%s is true or false, or stands alone", o.long)
		}
	case numberForm:
		if _, err = strconv.Atoi(value); err != nil {
			return fmt.Errorf("--%s is a whole number", o.long)
		}
	case periodForm:
		if _, err = time.ParseDuration(value); err != nil {
			return fmt.Errorf("--%s is a time like 90m or 720h", o.long)
		}
	case urlForm:
		if !isURL(value) {
			return fmt.Errorf("--%s is no URL like https://example.no", o.long)
		}
	case textForm:
		if len(value) > maxName {
			return fmt.Errorf("--%s is longer than %d characters", o.long, maxName)
		}
	case pathForm:
		if len(value) > maxPath {
			return fmt.Errorf("--%s is longer than the path of a file", o.long)
		}
	}
	if o.form != secretForm && isKey(value) {
		return fmt.Errorf("--%s looks like a key or holds line breaks; it was not used", o.long)
	}
	o.value = value
	return nil
}

// minHidden is the length from which a value may be a secret, in bytes.
const minHidden = 8

// nameValues returns an error in whose text the option stands where its value
// would be: the operating system repeats what it was given as a path.
func (in *input) nameValues(err error) error {
	said := err.Error()
	for _, o := range in.options {
		for _, text := range []string{o.value, filepath.Clean(o.value)} {
			if (o.form == pathForm || o.form == secretForm) && len(text) >= minHidden {
				said = strings.ReplaceAll(said, text, "(--"+o.long+")")
			}
		}
	}
	if said == err.Error() {
		return err
	}
	return errors.New(said)
}
