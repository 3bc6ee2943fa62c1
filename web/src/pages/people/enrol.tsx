import { useRef, useState } from "preact/hooks";
import { api, ask, formOf, Problem, type Schema } from "../../api.ts";
import { State } from "../../ui/ui.tsx";
import { droppedFiles } from "./files.ts";

interface Result {
  file: File;
  state: "waiting" | "used" | "refused" | "failed";
  text: string;
}

/** Enrol takes photos of a person, many at once, and shows what is thought of each. */
export function Enrol({ name, done }: { name: string; done: () => void }) {
  const [results, setResults] = useState<Result[]>([]);
  const [over, setOver] = useState(false);
  const picker = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);

  const update = (file: File, next: Partial<Result>) => setResults((all) => all.map((r) => (r.file === file ? { ...r, ...next } : r)));
  const send = async (file: File, query: { face?: number; force?: boolean } = {}) => {
    update(file, { state: "waiting", text: "" });
    try {
      const person = await ask(
        api.POST("/api/v1/people/{name}", {
          params: { path: { name }, query },
          body: { photo: [] },
          bodySerializer: () => formOf([file]),
        }),
      );
      const verdict = person.photos.findLast((p) => p.file === file.name);
      update(file, told(verdict));
    } catch (e) {
      const refused = e instanceof Problem && e.status === 422;
      update(file, { state: refused ? "refused" : "failed", text: (e as Error).message });
    }
  };
  const add = async (files: File[]) => {
    const photos = files.filter((f) => /^image\/(jpeg|png)$/.test(f.type));
    const others = files.filter((f) => !photos.includes(f));
    setResults([
      ...photos.map((file): Result => ({ file, state: "waiting", text: "" })),
      ...others.map((file): Result => ({ file, state: "failed", text: "neither JPEG nor PNG" })),
    ]);
    for (const file of photos) await send(file); // one after the other: each is compared with those before
    done();
  };
  const again = async (file: File, query: { face?: number; force?: boolean }) => {
    await send(file, query);
    done();
  };
  const pick = (e: { currentTarget: HTMLInputElement }) => {
    void add([...(e.currentTarget.files ?? [])]);
    e.currentTarget.value = "";
  };
  const finished = results.filter((r) => r.state !== "waiting").length;
  return (
    <section
      class={`drop ${over ? "over" : ""}`}
      aria-label="Add photos"
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        if (e.dataTransfer) void droppedFiles(e.dataTransfer).then(add);
      }}
    >
      <p>Drop photos or a folder here: one face each, looking at the camera, some with and some without glasses.</p>
      <div class="row">
        <button type="button" onClick={() => picker.current?.click()}>
          Choose photos
        </button>
        <button type="button" onClick={() => folder.current?.click()}>
          Choose a folder
        </button>
      </div>
      <input ref={picker} type="file" hidden aria-label="Photos" multiple accept="image/jpeg,image/png" onChange={pick} />
      <input ref={folder} type="file" hidden aria-label="Folder of photos" {...{ webkitdirectory: true }} onChange={pick} />
      {results.length > 0 && (
        <>
          <p role="status">
            {finished} of {results.length} looked at, {results.filter((r) => r.state === "used").length} used
          </p>
          <ul class="results">
            {results.map((r, i) => (
              <li key={i}>
                <State kind={marks[r.state]}>
                  {r.file.name}
                  {r.text && `: ${r.text}`}
                </State>
                {r.state === "refused" && <Choices text={r.text} again={(query) => again(r.file, query)} />}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

const marks = { waiting: "none", used: "good", refused: "warn", failed: "bad" } as const;

function told(verdict: Schema["Photo"] | undefined): Partial<Result> {
  if (!verdict) return { state: "refused", text: "was not taken" };
  return { state: verdict.used ? "used" : "refused", text: verdict.verdict };
}

/** Choices is what can be done about a photo that was not used. */
function Choices({ text, again }: { text: string; again: (query: { face?: number; force?: boolean }) => void }) {
  const faces = Number(/(\d+) faces/.exec(text)?.[1] ?? 0);
  if (faces > 1) {
    return (
      <span class="row">
        from the left:
        {Array.from({ length: Math.min(faces, 9) }, (_, i) => (
          <button key={i} type="button" onClick={() => again({ face: i + 1 })}>
            {i + 1}
          </button>
        ))}
      </span>
    );
  }
  if (!/resembl|like/.test(text)) return null;
  return (
    <button type="button" onClick={() => again({ force: true })}>
      Use all the same
    </button>
  );
}
