// A player of one camera over WebRTC (WHEP): one offer, one answer with all candidates.
import { api, ask } from "../../api.ts";

const gathering = 2000;

/** play shows the camera in the video until the function that it returns is called. It throws a Problem when it cannot. */
export async function play(camera: string, video: HTMLVideoElement, lost: () => void): Promise<() => void> {
  const pc = new RTCPeerConnection();
  let session = "";
  const stop = () => {
    pc.close();
    video.srcObject = null;
    // A session that is not told so ends by itself.
    if (session) fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
  };
  try {
    pc.addTransceiver("video", { direction: "recvonly" });
    pc.ontrack = (e) => {
      video.srcObject = new MediaStream([e.track]);
    };
    pc.onconnectionstatechange = () => pc.connectionState === "failed" && lost();
    await pc.setLocalDescription(await pc.createOffer());
    await gathered(pc);
    const answer = await ask(
      api.POST("/api/v1/cameras/{id}/whep", {
        params: { path: { id: camera } },
        body: pc.localDescription!.sdp,
        bodySerializer: (body) => body,
        headers: { "Content-Type": "application/sdp" },
        parseAs: "text",
        fetch: async (request) => {
          const response = await fetch(request);
          session = response.headers.get("Location") ?? "";
          return response;
        },
      }),
    );
    await pc.setRemoteDescription({ type: "answer", sdp: answer });
    return stop;
  } catch (e) {
    stop();
    throw e;
  }
}

/** gathered waits until the addresses of this machine are in the offer. */
export async function gathered(pc: RTCPeerConnection) {
  if (pc.iceGatheringState === "complete") return;
  await new Promise<void>((done) => {
    setTimeout(done, gathering);
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
  });
}
