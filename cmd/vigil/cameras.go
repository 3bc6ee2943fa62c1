package main

import (
	"context"
	"fmt"
)

type camerasCommand struct {
	List     camerasList     `cmd:"" help:"List the cameras and their state."`
	Discover camerasDiscover `cmd:"" help:"Find cameras in the network, and write the configuration's lines for them."`
}

type camerasList struct{ remote }

func (c camerasList) Run(ctx context.Context, g *Globals) error {
	asked, err := c.client(g)
	if err != nil {
		return err
	}
	cameras, err := asked.Cameras(ctx)
	if err != nil {
		return err
	}
	var rows []string
	for _, camera := range cameras {
		if g.JSON {
			if err := g.print(camera); err != nil {
				return err
			}
			continue
		}
		state := "offline"
		if camera.Online {
			state = "online"
		}
		if camera.Detect != nil && !camera.Detect.Online {
			state += ", detect_url offline"
		}
		video := "-"
		if camera.Codec != "" {
			video = fmt.Sprintf("%s %dx%d", camera.Codec, camera.Width, camera.Height)
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%.0f/s\t%d kbit/s\t%s\t%d\t%s", camera.Camera, state, clock(camera.Since),
			camera.Source, video, camera.Rate, camera.Bitrate/1000, gop(camera.GOP), camera.Lost, camera.LastError))
	}
	if g.JSON {
		return nil
	}
	return g.table("CAMERA\tSTATE\tSINCE\tSOURCE\tVIDEO\tRATE\tBITRATE\tGOP\tLOST\tLAST ERROR", rows)
}

func gop(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f s", seconds)
}
