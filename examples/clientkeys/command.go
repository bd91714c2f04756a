package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// command is what one or more words do: those of FHI's console tool are one
// word, the others a system, a noun and a verb. help.txt explains it.
type command struct {
	name    string // in lower case, with a space between words
	options []option
	ask     string // a question before it runs, with {Option} for a value; not with --Yes
	run     action
}

type action func(ctx context.Context, in *input) error

func commands() []command {
	return slices.Concat(fhiCommands(), stateCommands(), helseidCommands(), keycloakCommands(), oktaCommands())
}

func (cmd command) execute(ctx context.Context, c *console, args []string) error {
	in := &input{console: c, options: slices.Clone(cmd.options)}
	if cmd.ask != "" {
		in.options = append(in.options, yes())
	}
	switch err := in.parse(args); {
	case errors.Is(err, errHelp):
		cmd.help(c.out)
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w (see: clientkeys help %[1]s)", cmd.name, err)
	}
	err := in.ask(ctx, cmd.ask)
	if err == nil {
		err = cmd.run(ctx, in)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cmd.name, in.nameValues(err))
	}
	if c.lost != nil {
		return fmt.Errorf("%s: it is done, but the result could not be printed: %w", cmd.name, c.lost)
	}
	return nil
}

// find returns the command that the arguments begin with, and the rest. Of an
// unknown command nothing is repeated: it may be a key.
func find(args []string) (command, []string, error) {
	words := leading(args)
	for n := len(words); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		list := below(name)
		if len(list) > 0 && list[0].name == name {
			return list[0], args[n:], nil
		}
		if len(list) > 0 {
			return command{}, nil, fmt.Errorf("unknown or incomplete command (see: clientkeys help %s)", name)
		}
	}
	return command{}, nil, errors.New("unknown command (see: clientkeys help)")
}

// leading returns the words before the first option, in lower case.
func leading(args []string) (words []string) {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			break
		}
		words = append(words, strings.ToLower(arg))
	}
	return words
}

// below returns the commands that begin with these words.
func below(words string) []command {
	return slices.DeleteFunc(commands(), func(cmd command) bool {
		return words != "" && cmd.name != words && !strings.HasPrefix(cmd.name, words+" ")
	})
}
