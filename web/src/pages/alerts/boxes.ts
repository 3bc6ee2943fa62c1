// Where faces are in a moment of a clip.
import type { Schema } from "../../api.ts";

export interface Shown {
  track: string;
  person: string;
  decision: Schema["TrackBoxes"]["decision"];
  box: Schema["Box"];
}

// A mark is believed for so long after its time, and two are joined by a straight line when they are not further apart.
const alone = 600;
const joined = 2500;

/** boxesAt is what is known of a camera's faces at a capture time, in milliseconds since 1970. */
export function boxesAt(tracks: Schema["TrackBoxes"][], camera: string, at: number): Shown[] {
  const all: Shown[] = [];
  for (const t of tracks) {
    if (t.camera !== camera) continue;
    const box = boxAt(t.boxes, at);
    if (box) all.push({ track: t.track, person: t.person, decision: t.decision, box });
  }
  return all;
}

function boxAt(boxes: Schema["TimedBox"][], at: number): Schema["Box"] | undefined {
  const after = boxes.findIndex((b) => Date.parse(b.time) > at);
  const a = boxes[after < 0 ? boxes.length - 1 : after - 1];
  const b = after < 0 ? undefined : boxes[after];
  if (!a) return undefined;
  const since = at - Date.parse(a.time);
  if (!b || Date.parse(b.time) - Date.parse(a.time) > joined) return since <= alone ? a.box : undefined;
  const part = since / (Date.parse(b.time) - Date.parse(a.time));
  const mix = (from: number, to: number) => from + (to - from) * part;
  return { x: mix(a.box.x, b.box.x), y: mix(a.box.y, b.box.y), w: mix(a.box.w, b.box.w), h: mix(a.box.h, b.box.h) };
}
