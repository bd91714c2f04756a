package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// command is what one or more words do: those of FHI's console tool are one
// word, the others a system, a noun and a verb.
type command struct {
	name    string // in lower case, with a space between words
	summary string // one line
	about   string // what an operator should know before using it
	task
}

// task holds the values of a command's options, preset to their defaults.
type task interface {
	declare(o *options)
	run(ctx context.Context, c *console) error
}

func commands() []command {
	return slices.Concat(fhiCommands(), stateCommands(), helseidCommands(), keycloakCommands(), oktaCommands())
}

// fhiCommands are those of FHI's console tool.
func fhiCommands() []command {
	return []command{
		{"generatejsonwebkey", "make a key and save it as two JWK files", aboutGenerateKey, &generateKey{newKey: defaultKey(), transform: jsonEscape}},
		{"generatecertificate", "make a key with a self-signed certificate", aboutGenerateCertificate, &generateCertificate{newKey: defaultKey(), months: 24}},
		{"updateclientkey", "register a new public key at HelseID", aboutUpdateKey, &updateKey{}},
		{"readclientsecretexpiration", "print when a key at HelseID expires", aboutReadExpiration, &readExpiration{}},
	}
}

// find returns the command that the arguments begin with, and the rest. Of
// what is no command nothing is repeated: it may be a key.
func find(args []string) (command, []string, error) {
	words := leading(args)
	for n := len(words); n > 0; n-- {
		name := strings.Join(words[:n], " ")
		for _, cmd := range commands() {
			if cmd.name == name {
				return cmd, args[n:], nil
			}
		}
		if len(below(name)) > 0 {
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

func isHelp(arg string) bool {
	return slices.Contains([]string{"-h", "-help", "--help", "help"}, strings.ToLower(arg))
}

// help explains one command, or lists those that begin with some words.
func help(c *console, args []string) error {
	words := strings.Join(leading(args), " ")
	list := below(words)
	switch {
	case len(list) == 0:
		return errors.New("unknown command (see: clientkeys help)")
	case list[0].name == words:
		o := newOptions()
		list[0].declare(o)
		list[0].help(c.out, o)
	default:
		overview(c.out, words)
	}
	return nil
}

func overview(w io.Writer, words string) {
	fmt.Fprintln(w, "Clientkeys looks after the credentials with which a client logs in at HelseID, Keycloak or Okta.")
	fmt.Fprintln(w, "\nUsage: clientkeys <command> --Option value ...\n\nCommands:")
	for _, cmd := range below(words) {
		fmt.Fprintf(w, "  %-29s%s\n", cmd.name, cmd.summary)
	}
	fmt.Fprintln(w, "\nclientkeys help <command> explains a command and its options.")
}

func (cmd command) help(w io.Writer, o *options) {
	fmt.Fprintf(w, "clientkeys %s: %s.\n\n%s\n\nOptions:\n", cmd.name, cmd.summary, cmd.about)
	o.print(w)
}
