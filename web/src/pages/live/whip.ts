// A publisher over WebRTC (WHIP, RFC 9725).
import { gathered } from "./whep.ts";

/** publish sends the stream as the camera, and returns what ends it. What is refused is an error with the server's reason. */
export async function publish(camera: string, token: string, stream: MediaStream, changed: (state: RTCPeerConnectionState) => void) {
  const pc = new RTCPeerConnection();
  const authorization: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    for (const track of stream.getTracks()) {
      const { sender } = pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
      if (track.kind === "video") prefer(pc, sender);
    }
    pc.onconnectionstatechange = () => changed(pc.connectionState);
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const response = await fetch(`/whip/${encodeURIComponent(camera)}`, {
      method: "POST",
      headers: { ...authorization, "Content-Type": "application/sdp" },
      body: pc.localDescription!.sdp,
      credentials: "omit",
    });
    if (response.status !== 201) throw new Error(await reasonOf(response));
    await pc.setRemoteDescription({ type: "answer", sdp: await response.text() });
    const session = new URL(response.headers.get("Location") ?? "", response.url).href;
    return () => {
      pc.close();
      // One that is not told so ends by itself.
      fetch(session, { method: "DELETE", headers: authorization, credentials: "omit", keepalive: true }).catch(() => {});
    };
  } catch (e) {
    pc.close();
    throw e;
  }
}

/** prefer puts H.264 first, which is recorded as it is. */
function prefer(pc: RTCPeerConnection, sender: RTCRtpSender) {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const h264 = codecs.filter((c) => c.mimeType === "video/H264");
  if (h264.length === 0) return;
  pc.getTransceivers().find((t) => t.sender === sender)?.setCodecPreferences([...h264, ...codecs.filter((c) => c.mimeType !== "video/H264")]);
}

async function reasonOf(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string };
  return problem.detail ?? problem.title ?? `${response.status} ${response.statusText}`;
}
