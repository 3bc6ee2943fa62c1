import { useEffect, useRef, useState } from "preact/hooks";
import { api, ask, formOf, local, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { to } from "../../route.ts";
import { When } from "../../ui/time.tsx";
import { Nothing, useTitle } from "../../ui/ui.tsx";
import "./search.css";

/** Search finds whom a photo is like, and the alerts that show that face. */
export default function Search() {
  useTitle("Search");
  const [photo, setPhoto] = useState<File>();
  const [camera, setCamera] = useState("");
  const [days, setDays] = useState(0);
  const [result, setResult] = useState<Schema["SearchResult"]>();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const cameras = useLoaded(() => ask(api.GET("/api/v1/cameras")), []);

  useEffect(() => {
    if (!photo) return;
    let current = true;
    setBusy(true);
    setError("");
    const query = {
      limit: 100,
      ...(camera ? { camera: [camera] } : {}),
      ...(days ? { from: new Date(Date.now() - days * 86_400_000).toISOString() } : {}),
    };
    ask(api.POST("/api/v1/search", { params: { query }, body: { photo: [] }, bodySerializer: () => formOf([photo]) })).then(
      (got) => current && (setResult(got), setBusy(false)),
      (e: Error) => current && (setError(e.message), setResult(undefined), setBusy(false)),
    );
    return () => void (current = false);
  }, [photo, camera, days]);

  useEffect(() => {
    const paste = (e: ClipboardEvent) => take(e.clipboardData?.files, setPhoto);
    addEventListener("paste", paste);
    return () => removeEventListener("paste", paste);
  }, []);

  return (
    <div class="stack">
      <h1>Search</h1>
      <div class="searching">
        <Photo photo={photo} choose={setPhoto} />
        <div class="stack">
          <label for="camera">Camera</label>
          <select id="camera" value={camera} onChange={(e) => setCamera(e.currentTarget.value)}>
            <option value="">All cameras</option>
            {cameras.data?.cameras.map((c) => <option key={c.camera}>{c.camera}</option>)}
          </select>
          <label for="days">Time</label>
          <select id="days" value={days} onChange={(e) => setDays(Number(e.currentTarget.value))}>
            <option value={0}>All that is kept</option>
            <option value={1}>The last day</option>
            <option value={7}>The last week</option>
          </select>
        </div>
      </div>
      <p class="error" role="alert">
        {error}
      </p>
      <p role="status" class="soft">
        {busy ? "Searching …" : result && `${result.searched} alert${result.searched === 1 ? "" : "s"} searched`}
      </p>
      {result && <Result result={result} />}
    </div>
  );
}

function take(files: FileList | null | undefined, choose: (f: File) => void) {
  const photo = [...(files ?? [])].find((f) => f.type.startsWith("image/"));
  if (photo) choose(photo);
}

function Photo({ photo, choose }: { photo: File | undefined; choose: (f: File) => void }) {
  const picker = useRef<HTMLInputElement>(null);
  const [link, setLink] = useState("");
  const [over, setOver] = useState(false);
  useEffect(() => {
    if (!photo) return;
    const made = URL.createObjectURL(photo);
    setLink(made);
    return () => URL.revokeObjectURL(made);
  }, [photo]);
  return (
    <section
      class={`drop photo ${over ? "over" : ""}`}
      aria-label="Photo"
      onDragOver={(e) => {
        e.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(e) => {
        e.preventDefault();
        setOver(false);
        take(e.dataTransfer?.files, choose);
      }}
    >
      {link ? <img src={link} alt="The photo that is searched for" /> : <p>Drop or paste a photo of one face</p>}
      <button type="button" onClick={() => picker.current?.click()}>
        Choose a photo
      </button>
      <input ref={picker} type="file" hidden aria-label="Photo to search for" accept="image/jpeg,image/png" onChange={(e) => take(e.currentTarget.files, choose)} />
    </section>
  );
}

function Result({ result }: { result: Schema["SearchResult"] }) {
  const { threshold, people, alerts } = result;
  const same = alerts.filter((a) => a.alike);
  const rest = alerts.filter((a) => !a.alike).slice(0, 12);
  return (
    <>
      <section class="stack" aria-labelledby="whom">
        <h2 id="whom">Whom it is like</h2>
        {people.length === 0 ? (
          <p class="soft">Nobody is enrolled.</p>
        ) : (
          <ol class="likeness">
            {people.slice(0, 5).map((p) => (
              <li key={p.person}>
                <a href={to(["people", p.person])}>{p.person}</a> {p.score.toFixed(2)}
                {p.score >= threshold && <strong> taken for the same person</strong>}
              </li>
            ))}
          </ol>
        )}
        <p class="hint">1 is the same picture; from {threshold.toFixed(2)} on two faces are taken for one person's.</p>
      </section>
      <section class="stack" aria-labelledby="where">
        <h2 id="where">Where that face was seen</h2>
        {same.length === 0 ? <Nothing title="In no alert that is kept" /> : <Seen alerts={same} />}
      </section>
      {rest.length > 0 && (
        <section class="stack" aria-labelledby="others">
          <h2 id="others">Less like it</h2>
          <Seen alerts={rest} />
        </section>
      )}
    </>
  );
}

function Seen({ alerts }: { alerts: Schema["Similar"][] }) {
  return (
    <ul class="seen">
      {alerts.map((a) => (
        <li key={a.alert}>
          <a href={to(["alerts", a.alert])}>
            {a.shot_url ? <img src={local(a.shot_url)} alt="" width={150} height={150} loading="lazy" /> : <span class="none" />}
            <When time={a.time} />
            <span class="soft">
              {a.camera}, {a.score.toFixed(2)}
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
