// Command play is a synthetic camera: it shows one of internal/mediatest's clips, in real time, to an RTSP address, until
// the clip or the program ends.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"vigil/internal/mediatest"
)

func main() {
	clip := flag.String("clip", "walk", "name of the clip")
	loop := flag.Bool("loop", false, "show it again and again")
	flag.Usage = func() {
		_, _ = fmt.Fprintln(flag.CommandLine.Output(), "usage: play [-clip name] [-loop] rtsp://any:token@host:port/camera")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := mediatest.Camera{Clip: *clip, Loop: *loop}.Publish(ctx, flag.Arg(0))
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
