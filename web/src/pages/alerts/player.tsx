import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Schema } from "../../api.ts";
import { Faces } from "../../ui/faces.tsx";
import { clockOf } from "../../ui/time.tsx";
import { type Shown, boxesAt } from "./boxes.ts";

interface Props {
  clips: Schema["Clip"][];
  camera: string;
  tracks: Schema["TrackBoxes"][];
  /** source is the address that a clip is loaded from. */
  source: (clip: Schema["Clip"]) => string;
  video: RefObject<HTMLVideoElement | null>;
}

/** Player plays the clips of an alert one after the other, and draws where faces are. */
export function Player({ clips, camera, tracks, source, video }: Props) {
  const [piece, setPiece] = useState(0);
  const [error, setError] = useState("");
  const clip = clips[Math.min(piece, clips.length - 1)];
  const shown = useShown(video, clip, camera, tracks);
  if (!clip) return null;
  const gone = clip.url === "";
  return (
    <div class="player">
      <div class="screen" style={{ aspectRatio: `${clip.width} / ${clip.height}`, maxWidth: `calc(62vh * ${clip.width / clip.height})` }}>
        {gone ? (
          <p class="empty">This clip was deleted: it was kept for as long as its owner wanted it.</p>
        ) : (
          <video
            key={clip.key}
            ref={video}
            src={source(clip)}
            controls
            autoplay
            muted
            playsInline
            onEnded={() => piece + 1 < clips.length && setPiece(piece + 1)}
            onError={(e) => setError(e.currentTarget.error?.message || "The clip does not play in this browser.")}
          />
        )}
        <Faces faces={shown} />
      </div>
      {error && (
        <p class="error" role="alert">
          {error} {clip.codec === "h265" && "H.265 plays where the machine decodes it; download it otherwise."}
        </p>
      )}
      <p class="soft row">
        {clips.length > 1 &&
          clips.map((c, i) => (
            <button key={c.key} type="button" aria-pressed={i === piece} onClick={() => setPiece(i)}>
              Part {i + 1}
            </button>
          ))}
        <span>
          {clockOf(clip.start)} to {clockOf(clip.end)}
        </span>
        {clip.gaps?.map((g) => (
          <span key={g.from} class="gap">
            Missing: {secondsOf(g).toFixed(1)} s from {clockOf(g.from)}, {g.reason}
          </span>
        ))}
      </p>
    </div>
  );
}

const secondsOf = (g: { from: string; to: string }) => (Date.parse(g.to) - Date.parse(g.from)) / 1000;

/** useShown is where faces are in the picture that the video shows just now. */
function useShown(video: RefObject<HTMLVideoElement | null>, clip: Schema["Clip"] | undefined, camera: string, tracks: Schema["TrackBoxes"][]) {
  const [shown, setShown] = useState<Shown[]>([]);
  useEffect(() => {
    const v = video.current;
    if (!v || !clip) return;
    const start = Date.parse(clip.start);
    let handle = 0;
    const draw = (_: number, frame: VideoFrameCallbackMetadata) => {
      setShown(boxesAt(tracks, camera, start + frame.mediaTime * 1000));
      handle = v.requestVideoFrameCallback(draw);
    };
    handle = v.requestVideoFrameCallback(draw);
    return () => v.cancelVideoFrameCallback(handle);
  }, [clip?.key, camera, tracks]);
  return shown;
}
