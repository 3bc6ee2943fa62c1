// Package e2e tries the real program from outside: it builds vigil, runs it as processes of their own, publishes video
// to it as cameras do and receives its webhooks as their receivers do. It holds tests and nothing else; they import
// the public words of the other packages to read what comes out, and share no state with the processes.
//
// VIGIL_MODELS_DIR, VIGIL_FACES_DIR and VIGIL_VIDEO_DIR name the folders that TestDoorway needs. With
// VIGIL_E2E_RACE=1 the processes are built with the race detector, too. VIGIL_SCREENSHOT names a file for the picture
// of the console that TestBrowser sees.
package e2e
