// Command vigil watches cameras for people it does not know.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules name time zones, and small images have none

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "unknown"

// commands are the command line. Each command is a struct of its flags with a Run method, in a file of its own.
type commands struct {
	Globals

	Serve     serveCommand     `cmd:"" help:"Watch the cameras: run every role, or some of them."`
	Demo      demoCommand      `cmd:"" help:"Show the whole job with a drawn camera: a stranger, the alert, the clip."`
	Drill     drillCommand     `cmd:"" help:"Prove on this machine that a stranger raises an alert."`
	Analyze   analyzeCommand   `cmd:"" help:"Find and decide the people in video files."`
	Faces     facesCommand     `cmd:"" help:"Find the faces in pictures."`
	People    peopleCommand    `cmd:"" help:"Enrol, list and remove people."`
	Alerts    alertsCommand    `cmd:"" help:"List, show and follow alerts."`
	Rules     rulesCommand     `cmd:"" help:"List what raises alerts."`
	Explain   explainCommand   `cmd:"" help:"Tell why an alert or a track was decided so."`
	Endpoints endpointsCommand `cmd:"" help:"Look at, test and enable the receivers of webhooks."`
	DLQ       dlqCommand       `cmd:"" name:"dlq" help:"List, show and put back what was given up."`
	Clips     clipsCommand     `cmd:"" help:"Fetch and verify clips."`
	Retention retentionCommand `cmd:"" help:"Tell what was deleted because it was old, and what would be now. Deletes nothing."`
	Cameras   camerasCommand   `cmd:"" help:"List cameras and their state."`
	Audit     auditCommand     `cmd:"" help:"Show what people and programs did through the API, and check that nobody changed it."`
	Tokens    tokensCommand    `cmd:"" help:"Make, list and revoke tokens of the API."`
	Models    modelsCommand    `cmd:"" help:"List, fetch and verify the networks."`
	Config    configCommand    `cmd:"" help:"Check, print and describe the configuration."`
	Doctor    doctorCommand    `cmd:"" help:"Look for what keeps Vigil from working here, and say what to do."`
	Health    healthCommand    `cmd:"" help:"Ask the running Vigil whether every part works."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
	Vision    visionCommand    `cmd:"" hidden:"" name:"vision-process" help:"Run the role vision for a vigil that started this process."`
}

// Globals are the flags of every command, and what the program gives them to work with.
type Globals struct {
	ConfigFile string `name:"config" short:"c" env:"VIGIL_CONFIG" type:"path" placeholder:"FILE" help:"Configuration file."`
	JSON       bool   `help:"Print JSON, one document a line."`
	LogLevel   string `enum:"debug,info,warn,error" default:"info" help:"How much to log: debug, info, warn, error."`

	out     io.Writer
	err     io.Writer
	environ []string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// exit ends kong's own commands, such as --help, without ending the process.
type exit int

// run is the program: it returns the exit code, 2 for a command line that cannot be understood. Commands that go on
// until they are told to end return no error then; to the others it means that they are not done.
func run(ctx context.Context, args, environ []string, out, errs io.Writer) (code int) {
	cli := commands{Globals: Globals{out: out, err: errs, environ: environ}}
	parser, err := kong.New(&cli, kong.Name("vigil"), kong.UsageOnError(), kong.Writers(out, errs),
		kong.Description("Vigil watches cameras for people it does not know. Run `vigil serve`, point a camera at it."),
		kong.Exit(func(code int) { panic(exit(code)) }), kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&cli.Globals))
	if err != nil {
		panic(err) // the structs above are wrong
	}
	defer func() {
		if r := recover(); r != nil {
			asked, ok := r.(exit)
			if !ok {
				panic(r)
			}
			code = int(asked)
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintf(errs, "vigil: %v\nRun `vigil --help` for the commands.\n", err)
		return 2
	}
	err = command.Run()
	switch {
	case err == nil:
		return 0
	case interrupted(ctx, err):
		_, _ = fmt.Fprintln(errs, "vigil: interrupted")
		return 130 // as a shell says it
	}
	_, _ = fmt.Fprintf(errs, "vigil: %v\n", err)
	return 1
}

// interrupted says whether err means only that somebody ended the program.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, context.Canceled)
}

// say prints for people. Whether anybody reads it changes nothing.
func (g *Globals) say(format string, args ...any) { _, _ = fmt.Fprintf(g.out, format, args...) }

// log returns the logger that the flags ask for.
func (g *Globals) log() *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(g.LogLevel)) // the parser allows valid levels only
	options := &slog.HandlerOptions{Level: level}
	if g.JSON {
		return slog.New(slog.NewJSONHandler(g.err, options))
	}
	return slog.New(slog.NewTextHandler(g.err, options))
}
