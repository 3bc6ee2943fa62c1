"""A WHIP publisher on GStreamer's webrtcbin: a test picture as H.264, until its standard input ends. Arguments: URL, token."""

import sys
import threading
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
videotestsrc is-live=true pattern=smpte ! video/x-raw,width=640,height=480,framerate=15/1 ! videoconvert
! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=30 bitrate=800 ! video/x-h264,profile=constrained-baseline
! h264parse ! rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency
! application/x-rtp,media=video,encoding-name=H264,payload=96 ! webrtcbin name=peer bundle-policy=max-bundle
"""


class Publisher:
    def __init__(self, url, token):
        self.url, self.token = url, token
        self.session = None
        self.loop = GLib.MainLoop()
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.peer = self.pipeline.get_by_name("peer")
        self.peer.connect("on-negotiation-needed", self.offer)
        self.peer.connect("notify::ice-gathering-state", self.gathered)

    def ask(self, method, url, body=None):
        headers = {"Authorization": "Bearer " + self.token, "Content-Type": "application/sdp"}
        request = urllib.request.Request(url, data=body, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers, response.read().decode()

    def offer(self, peer):
        peer.emit("create-offer", None, Gst.Promise.new_with_change_func(self.offered))

    def offered(self, promise):
        promise.wait()
        reply = promise.get_reply()  # it owns the offer
        self.peer.emit("set-local-description", reply["offer"], Gst.Promise.new())

    def gathered(self, peer, _):
        if peer.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            GLib.idle_add(self.publish)

    def publish(self):
        offer = self.peer.get_property("local-description").sdp.as_text().encode()
        status, headers, text = self.ask("POST", self.url, offer)
        self.session = urljoin(self.url, headers["Location"])
        _, sdp = GstSdp.SDPMessage.new_from_text(text)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit("set-remote-description", answer, Gst.Promise.new())
        print("published %d" % status, flush=True)

    def wait(self):
        sys.stdin.read()
        status, _, _ = self.ask("DELETE", self.session)
        print("deleted %d" % status, flush=True)
        self.loop.quit()

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        threading.Thread(target=self.wait, daemon=True).start()
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
print(Gst.version_string(), flush=True)
Publisher(*sys.argv[1:]).run()
