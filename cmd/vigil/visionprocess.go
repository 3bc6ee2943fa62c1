package main

import (
	"os"

	"vigil/internal/app"
)

// visionCommand is how the program runs itself as the process of the role vision.
type visionCommand struct{}

func (visionCommand) Run() error { return app.RunVision() }

// visionProcess is the command line of that; none where the program does not know its own file, and the role then runs
// in this process.
func visionProcess() []string {
	self, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{self, "vision-process"}
}
