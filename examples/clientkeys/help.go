package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

//go:embed help.txt
var helpText string

// explained returns what help.txt says under a name: a summary of one line and
// the text after it. A paragraph {name} stands for the text under that name.
func explained(name string) (summary, about string) {
	_, section, _ := strings.Cut("\n\n"+helpText, "\n\n== "+name+"\n")
	section, _, _ = strings.Cut(section, "\n\n== ")
	summary, about, _ = strings.Cut(section, "\n")
	paragraphs := strings.Split(strings.TrimSpace(about), "\n\n")
	for i, p := range paragraphs {
		if other, ok := strings.CutPrefix(p, "{"); ok {
			_, paragraphs[i] = explained(strings.TrimSuffix(other, "}"))
		}
	}
	return summary, strings.Join(paragraphs, "\n\n")
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
		list[0].help(c.out)
	default:
		overview(c.out, words)
	}
	return nil
}

func overview(w io.Writer, words string) {
	fmt.Fprintln(w, "Clientkeys manages the credentials with which a client authenticates at HelseID, Keycloak or Okta.")
	fmt.Fprintln(w, "\nUsage: clientkeys <command> --Option value ...\n\nCommands:")
	for _, cmd := range below(words) {
		summary, _ := explained(cmd.name)
		fmt.Fprintf(w, "  %-29s%s\n", cmd.name, summary)
	}
	fmt.Fprintln(w, "\nclientkeys help <command> explains a command and its options.")
}

func (cmd command) help(w io.Writer) {
	summary, about := explained(cmd.name)
	fmt.Fprintf(w, "clientkeys %s: %s.\n\n%s\n\nOptions:\n", cmd.name, summary, strings.TrimSpace(about))
	for _, opt := range cmd.options {
		names := "--" + opt.long
		if opt.short != "" {
			names += ", -" + opt.short
		}
		fmt.Fprintf(w, "  %-34s%s\n", names, opt.usage)
	}
}
