// Package mediatest draws people and scenes, so that the demo, the drill and the tests need nobody's photograph and
// no download. It has a fixed cast of drawn faces, short clips of them walking through a room (encoded once and
// embedded), a camera that publishes such a clip over RTSP, and a receiver for the webhooks that follow.
//
// It is no renderer for anything else and never decodes video. It imports frames, alerts, clips/mp4 and ingest/rtsp.
package mediatest
