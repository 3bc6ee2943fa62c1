import type { Schema } from "../api.ts";
import "./faces.css";

interface Face {
  track: string;
  decision: Schema["Face"]["decision"];
  person: string;
  box: Schema["Box"];
}

/** labelOf is what is written at a face. */
const labelOf = (f: Face) => (f.decision === "known" ? f.person : f.decision);

/** Faces are marks over a picture, whose element is the nearest that is positioned. */
export function Faces({ faces }: { faces: Face[] }) {
  return (
    <>
      {faces.map((f) => (
        <div key={f.track} class={`box ${f.decision}`} aria-hidden="true" style={place(f.box)}>
          <span>{labelOf(f)}</span>
        </div>
      ))}
    </>
  );
}

function place(box: Schema["Box"]) {
  const percent = (v: number) => `${(v * 100).toFixed(2)}%`;
  return { left: percent(box.x), top: percent(box.y), width: percent(box.w), height: percent(box.h) };
}
