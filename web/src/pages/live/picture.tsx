import { useEffect, useRef, useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { Faces } from "../../ui/faces.tsx";
import { play } from "./whep.ts";

const every = 2000;
const lookForFaces = 1000;
/** What is shown live is so old, in seconds; whoever moves is taken to go on for no longer than so many after they were seen. */
const shownLate = 0.4;
const goesOn = 2;

/**
 * Picture is a camera as it is now: live over WebRTC, or a picture every two seconds where that does not work. Who is in it
 * is marked where they were seen last.
 */
export function Picture({ camera: c }: { camera: Schema["Camera"] }) {
  const { camera, online } = c;
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
      {inView && online && <Marks camera={c} />}
      <span class="mode" title={why}>
        {!online ? "offline" : mode === "live" ? "live" : mode === "pictures" ? "pictures" : "connecting"}
      </span>
    </div>
  );
}

/** Marks are drawn over the picture itself, which may be narrower or lower than the place that it has. */
function Marks({ camera: c }: { camera: Schema["Camera"] }) {
  const [faces, setFaces] = useState<Schema["Face"][]>([]);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const look = async () => {
      // Whether the camera is there at all is told beside the picture.
      const got = document.hidden ? undefined : await ask(api.GET("/api/v1/cameras/{id}/faces", { params: { path: { id: c.camera } } })).catch(() => undefined);
      if (gone) return;
      setFaces((got?.faces ?? []).map((f) => ({ ...f, box: moved(f) })));
      timer = window.setTimeout(look, lookForFaces);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [c.camera]);
  const names = faces.map((f) => (f.decision === "known" ? f.person : `somebody ${f.decision}`));
  return (
    <div class="marks" style={{ "--ratio": (c.width || 16) / (c.height || 9) }}>
      <Faces faces={faces} />
      <span class="hidden-text">{names.length > 0 && `In the picture: ${names.join(", ")}`}</span>
    </div>
  );
}

/** moved is where a face will be at the next look, until which its mark goes there. */
function moved(f: Schema["Face"]): Schema["Box"] {
  const since = Math.min(Math.max(f.age_seconds - shownLate + lookForFaces / 1000, 0), goesOn);
  return { ...f.box, x: f.box.x + f.moves.x * since, y: f.box.y + f.moves.y * since };
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
