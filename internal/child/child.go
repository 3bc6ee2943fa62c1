// Package child runs a part of the program in a process of its own, so that code that is not Go can crash, hang or take
// memory there without ending the rest. A parent starts the child (Process) and keeps it running (Keeper); the child
// (Parent) takes its orders from standard input, of which nobody else can read, and answers through a pipe: how far it has
// come, its log, and what it is about to work on, so that a crash can be laid to it (Suspects). It imports nothing of ours.
package child

import "log/slog"

// answers is the file descriptor of the pipe through which a child answers: the first behind the standard ones.
const answers = 3

// Work is something that a child works on. A lane works on one at a time.
type Work struct {
	Lane string
	ID   string // names the same work in every child; empty: nothing that could be left out
	Pos  uint64 // where the parent finds it
}

// message is what a child tells. One field is set.
type message struct {
	Stage  string // it has come as far
	Failed string // why it ends
	Begin  *Work  // it works on that now
	End    string // the lane works on nothing now
	Line   *line  // of its log
}

// line is a record of the log.
type line struct {
	Level   slog.Level
	Message string
	Attrs   []attr
}

// attr is an attribute of a record. Values of other kinds travel as their text.
type attr struct {
	Key  string
	Kind slog.Kind
	Text string
	Bits uint64
}
