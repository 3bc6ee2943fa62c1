// Package e2e tries the real program from outside: it builds vigil, runs it as processes of their own, publishes video
// to it as cameras do and receives its webhooks as their receivers do. It holds tests and nothing else; they import
// the public words of the other packages to read what comes out, and share no state with the processes.
package e2e
