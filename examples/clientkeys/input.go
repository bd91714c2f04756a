package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nokkel/nokkel/certs/keystore"
	"github.com/nokkel/nokkel/internal/textfile"
	"github.com/nokkel/nokkel/keys"
)

// input is what a command is given: its options, by their long names, and the
// console. An option that the command does not have is empty.
type input struct {
	*console
	options  []option
	reserved *os.File // for what a server will make
}

func (in *input) has(long string) bool { return in.find("--"+long) != nil }

func (in *input) text(long string) string {
	if opt := in.find("--" + long); opt != nil {
		return opt.value
	}
	return ""
}

func (in *input) on(long string) bool { b, _ := strconv.ParseBool(in.text(long)); return b }

func (in *input) number(long string) int { n, _ := strconv.Atoi(in.text(long)); return n }

func (in *input) period(long string) time.Duration {
	d, _ := time.ParseDuration(in.text(long))
	return d
}

// yes is the option of the commands that ask before they change something.
func yes() option { return toggle("Yes", "y", "do not ask first") }

// ask asks a question, in which {Option} stands for what was given.
func (in *input) ask(ctx context.Context, question string) error {
	if question == "" || in.on("Yes") {
		return nil
	}
	for _, opt := range in.options {
		if opt.form != secretForm {
			question = strings.ReplaceAll(question, "{"+opt.long+"}", opt.value)
		}
	}
	return in.confirm(ctx, question)
}

// choice returns what the value of an option stands for, in any case.
func choice[T any](in *input, long string, choices map[string]T, names string) (T, error) {
	v, ok := choices[strings.ToLower(in.text(long))]
	if !ok {
		return v, fmt.Errorf("--%s is %s", long, names)
	}
	return v, nil
}

// keyOptions are those of a key as text or in a file. The file of a private
// one may be a keystore.
func keyOptions(long, short, pathShort, what string) []option {
	return []option{
		{long: long, short: short, form: secretForm, usage: what + ", as text, which other users of the machine can see"},
		path(long+"Path", pathShort, what+", in a file"),
	}
}

func privateOptions(long, short, pathShort, what string) []option {
	list := keyOptions(long, short, pathShort, what)
	list[1].usage += ": JWK, PEM or a keystore"
	return append(list, passwordOption(long+"PasswordPath", "", "the password, if the key is in a keystore"))
}

// passwordVariable holds the password where no option gives it.
const passwordVariable = "CLIENTKEYS_PASSWORD"

func passwordOption(long, short, what string) option {
	return path(long, short, "file that holds "+what+" (default: $"+passwordVariable+")")
}

// given returns which of the options of a key was given, or "".
func (in *input) given(long string) string {
	switch {
	case in.text(long+"Path") != "":
		return long + "Path"
	case in.text(long) != "":
		return long
	}
	return ""
}

func (in *input) keyText(long string) ([]byte, error) {
	switch option := in.given(long); {
	case option == "":
		return nil, fmt.Errorf("missing --%s or --%[1]sPath", long)
	case option == long:
		return []byte(in.text(long)), nil
	case in.text(long) != "":
		return nil, fmt.Errorf("give one of --%s and --%[1]sPath", long)
	default:
		return in.file(option)
	}
}

// private takes a JWK, PEM, or a keystore with one private key, as
// generatecertificate makes.
func (in *input) private(long string) (*keys.Key, error) {
	data, err := in.keyText(long)
	if err != nil {
		return nil, err
	}
	if in.given(long) == long {
		in.tell("Note: every user of this machine can read the arguments of a program; --%sPath keeps the key out of them.", long)
	}
	password, err := in.secret(long+"PasswordPath", passwordVariable)
	if err != nil {
		return nil, err
	}
	key, err := keystore.ParseKey(data, "", password.Reveal())
	if errors.Is(err, keystore.ErrPassword) && password.IsZero() {
		return nil, fmt.Errorf("--%s is a keystore: missing --%sPasswordPath or %s", in.given(long), long, passwordVariable)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", in.given(long), err)
	}
	return key, nil
}

func (in *input) public(long string) (*keys.PublicKey, error) {
	data, err := in.keyText(long)
	if err != nil {
		return nil, err
	}
	key, err := keys.ParsePublic(data, keys.Options{})
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", in.given(long), err)
	}
	return key, nil
}

// secret returns the one line of a text file, or else what an environment variable
// holds, or else nothing. No secret has to be an argument.
func (in *input) secret(pathOption, variable string) (keys.Secret, error) {
	if in.text(pathOption) == "" {
		return keys.NewSecret(in.env(variable)), nil
	}
	content, err := in.file(pathOption)
	if err != nil {
		return keys.Secret{}, err
	}
	text, ok := textfile.Decode(content)
	if !ok {
		return keys.Secret{}, fmt.Errorf("the file of --%s is neither UTF-8 nor UTF-16 with a byte order mark", pathOption)
	}
	line := strings.TrimRight(string(text), "\r\n")
	if line == "" || strings.ContainsAny(line, "\r\n") {
		return keys.Secret{}, fmt.Errorf("the file of --%s is not one line", pathOption)
	}
	return keys.NewSecret(line), nil
}

// password is the value of an option, if the command has it, or the line of the
// file that the option with Path at its end names.
func (in *input) password(long string) (keys.Secret, error) {
	argument, file := in.text(long), long+"Path"
	switch {
	case argument != "" && in.text(file) != "":
		return keys.Secret{}, fmt.Errorf("give one of --%s and --%s", long, file)
	case argument != "":
		in.tell("Note: every user of this machine can read the arguments of a program; %s or --%s keeps the password out of them.", passwordVariable, file)
		return keys.NewSecret(argument), nil
	}
	password, err := in.secret(file, passwordVariable)
	if err == nil && password.IsZero() {
		missing := "--" + file + " or " + passwordVariable
		if in.has(long) {
			missing = "--" + long + ", " + missing
		}
		err = errors.New("missing " + missing)
	}
	return password, err
}
