import { useEffect, useRef, useState } from "preact/hooks";
import { play } from "./whep.ts";

const every = 2000;

/** Picture is a camera as it is now: live over WebRTC, or a picture every two seconds where that does not work. */
export function Picture({ camera, online }: { camera: string; online: boolean }) {
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [inView, setInView] = useState(false);
  const [mode, setMode] = useState<"connecting" | "live" | "pictures">("connecting");
  const [why, setWhy] = useState("");

  useEffect(() => {
    const seen = new IntersectionObserver(([e]) => setInView(e!.isIntersecting));
    seen.observe(frame.current!);
    return () => seen.disconnect();
  }, []);

  useEffect(() => {
    if (!inView || !online || mode === "pictures") return;
    let stop: (() => void) | undefined;
    let gone = false;
    const fall = (reason: string) => {
      if (gone) return;
      setWhy(reason);
      setMode("pictures");
    };
    play(camera, video.current!, () => fall("the connection was lost")).then(
      (s) => (gone ? s() : (stop = s)),
      (e: Error) => fall(e.message),
    );
    return () => {
      gone = true;
      stop?.();
    };
  }, [camera, inView, online, mode === "pictures"]);

  return (
    <div class="picture" ref={frame}>
      {mode !== "pictures" && online && (
        <video ref={video} autoplay muted playsInline aria-label={`Live picture of ${camera}`} onPlaying={() => setMode("live")} />
      )}
      {(mode !== "live" || !online) && <Still camera={camera} running={inView && online} />}
      <span class="mode" title={why}>
        {!online ? "offline" : mode === "live" ? "live" : mode === "pictures" ? "pictures" : "connecting"}
      </span>
    </div>
  );
}

/** Still is the latest picture, and the next one when it is there. */
function Still({ camera, running }: { camera: string; running: boolean }) {
  const [shown, setShown] = useState("");
  useEffect(() => {
    let timer = 0;
    let last = "";
    let gone = false;
    const next = async () => {
      const response = await fetch(`/api/v1/cameras/${encodeURIComponent(camera)}/snapshot`).catch(() => undefined);
      if (gone) return;
      if (response?.ok) {
        const made = URL.createObjectURL(await response.blob());
        setShown(made);
        if (last) URL.revokeObjectURL(last);
        last = made;
      }
      if (running && !gone) timer = window.setTimeout(next, every);
    };
    void next();
    return () => {
      gone = true;
      clearTimeout(timer);
      if (last) URL.revokeObjectURL(last);
    };
  }, [camera, running]);
  return shown ? <img src={shown} alt={`Latest picture of ${camera}`} /> : null;
}
