import { useEffect, useRef, useState } from "preact/hooks";
import icon from "../../icon.svg";
import { route } from "../../route.ts";
import { State, useTitle } from "../../ui/ui.tsx";
import { publish } from "./whip.ts";
import "./live.css";

/** Publish makes this browser, or phone, a camera. */
export default function Publish() {
  useTitle("Be a camera");
  const { query } = route.value;
  const [camera, setCamera] = useState(query.get("camera") ?? "");
  const [token, setToken] = useState(query.get("token") ?? "");
  const [sound, setSound] = useState(false);
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const [device, setDevice] = useState("");
  const [stream, setStream] = useState<MediaStream>();
  const [state, setState] = useState<RTCPeerConnectionState>();
  const [error, setError] = useState("");
  const stop = useRef<(() => void) | undefined>(undefined);
  const video = useRef<HTMLVideoElement>(null);

  useEffect(() => {
    if (video.current) video.current.srcObject = stream ?? null;
    return () => stream?.getTracks().forEach((t) => t.stop());
  }, [stream]);
  useEffect(() => () => stop.current?.(), []);

  const look = async () => {
    setError("");
    try {
      if (!navigator.mediaDevices) throw new Error("The browser gives its camera to pages over HTTPS, or of this machine, alone.");
      const got = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 1280 }, ...(device ? { deviceId: { exact: device } } : { facingMode: "environment" }) },
        audio: sound,
      });
      setStream(got);
      setDevices((await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "videoinput"));
    } catch (e) {
      setError((e as Error).message);
    }
  };
  const begin = async (e: SubmitEvent) => {
    e.preventDefault();
    if (!stream) return look();
    setError("");
    try {
      stop.current = await publish(camera, token, stream, setState);
    } catch (e) {
      setError((e as Error).message);
    }
  };
  const end = () => {
    stop.current?.();
    stop.current = undefined;
    setState(undefined);
  };
  const running = state !== undefined && state !== "failed" && state !== "closed";
  return (
    <main class="publish stack">
      <h1 class="row">
        <img src={icon} alt="" width={28} height={28} /> Be a camera
      </h1>
      <div class="picture">{stream && <video ref={video} autoplay muted playsInline aria-label="What this camera sees" />}</div>
      <form class="stack" onSubmit={begin}>
        <label for="camera">Camera id</label>
        <input id="camera" value={camera} required disabled={running} onInput={(e) => setCamera(e.currentTarget.value)} />
        <label for="token">Its token</label>
        <input id="token" type="password" autocomplete="off" value={token} disabled={running} onInput={(e) => setToken(e.currentTarget.value)} />
        {devices.length > 1 && (
          <>
            <label for="device">Which camera</label>
            <select id="device" value={device} disabled={running} onChange={(e) => setDevice(e.currentTarget.value)}>
              {devices.map((d) => (
                <option key={d.deviceId} value={d.deviceId}>
                  {d.label}
                </option>
              ))}
            </select>
          </>
        )}
        <label class="pick">
          <input type="checkbox" checked={sound} disabled={Boolean(stream)} onChange={(e) => setSound(e.currentTarget.checked)} /> with sound
        </label>
        <p class="error" role="alert">
          {error}
        </p>
        <p role="status">
          {state && <State kind={state === "connected" ? "good" : state === "failed" ? "bad" : "warn"}>{state === "connected" ? "Publishing" : state}</State>}
        </p>
        {running ? (
          <button type="button" class="danger" onClick={end}>
            Stop
          </button>
        ) : (
          <div class="row">
            {stream && (
              <button type="button" onClick={look}>
                Look again
              </button>
            )}
            <button type="submit" class="main">
              {stream ? "Publish" : "Show my camera"}
            </button>
          </div>
        )}
      </form>
    </main>
  );
}
