import { useRef, useState } from "preact/hooks";
import { api, ask, Problem, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { to } from "../../route.ts";
import { seesAll } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { State, toast } from "../../ui/ui.tsx";
import { useKeys } from "./keys.tsx";
import type { AlertView } from "./list.ts";

interface Props {
  view: AlertView;
  similar: Schema["SearchResult"] | undefined;
  changed: (view: AlertView) => void;
}

/** Naming says who a stranger is: it enrols the pictures, and corrects all alerts of the same stranger. */
export function Naming({ view, similar, changed }: Props) {
  const { alert, review } = view;
  const params = { path: { id: alert.id } };
  const field = useRef<HTMLInputElement>(null);
  const [person, setPerson] = useState("");
  const [also, setAlso] = useState<string[]>([]);
  const [only, setOnly] = useState(false);
  const [named, setNamed] = useState<Schema["Named"]>();
  const [refused, setRefused] = useState<{ person: string; detail: string }>();
  const [busy, setBusy] = useState(false);
  const people = useLoaded(async () => (seesAll() ? (await ask(api.GET("/api/v1/people"))).people : []), []);
  const suggested = suggest(similar?.people ?? [], people.data ?? []);

  const reload = async () => changed(await ask(api.GET("/api/v1/alerts/{id}", { params })));
  const attempt = async (run: () => Promise<Schema["Named"]>, who: string) => {
    setBusy(true);
    setRefused(undefined);
    try {
      const got = await run();
      setNamed(got);
      setPerson("");
      await reload();
      toast(`${got.ignored ? "Ignored" : `This is ${got.person}`}, in ${plural(got.alerts.length, "alert")}`, "good", { label: "Undo", run: undo });
    } catch (e) {
      if (e instanceof Problem && e.status === 422 && who) setRefused({ person: who, detail: e.message });
      else toast((e as Error).message, "bad");
    } finally {
      setBusy(false);
    }
  };
  const name = (who: string, force = false) =>
    attempt(() => ask(api.POST("/api/v1/alerts/{id}/name", { params, body: { person: who, also, only, force } })), force ? "" : who);
  const ignore = () => attempt(() => ask(api.POST("/api/v1/alerts/{id}/ignore", { params, body: { also, only } })), "");
  const undo = async () => {
    try {
      changed(await ask(api.POST("/api/v1/alerts/{id}/undo", { params })));
      setNamed(undefined);
      toast("Taken back");
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  const digits = Object.fromEntries(suggested.slice(0, 9).map((s, i) => [String(i + 1), () => !review.naming && name(s)]));
  useKeys({ ...digits, n: () => field.current?.focus() });

  if (review.naming) {
    return (
      <section class="stack naming" aria-label="Who it is">
        <p>
          {review.naming.ignored ? "Ignored" : <strong>{review.naming.person}</strong>}, said {review.naming.by}, <When time={review.naming.at} />
        </p>
        {named && <Verdicts photos={named.photos} />}
        <div class="row">
          {!review.naming.ignored && <a href={to(["people", review.naming.person])}>Photos</a>}
          <button type="button" onClick={undo}>
            Undo
          </button>
        </div>
      </section>
    );
  }
  const alike = (similar?.alerts ?? []).filter((a) => a.alike && a.stranger !== alert.stranger);
  return (
    <section class="stack naming" aria-label="Who it is">
      <form
        class="row"
        onSubmit={(e) => {
          e.preventDefault();
          void name(person.trim());
        }}
      >
        <input ref={field} class="grow" aria-label="This is" placeholder="This is …" list="people" value={person} required maxLength={200}
          onInput={(e) => setPerson(e.currentTarget.value)} onKeyDown={(e) => e.key === "Escape" && (e.preventDefault(), e.currentTarget.blur())} />
        <datalist id="people">{people.data?.filter((p) => !p.ignored).map((p) => <option key={p.name} value={p.name} />)}</datalist>
        <button type="submit" class="main" disabled={busy}>
          Name
        </button>
      </form>
      {suggested.length > 0 && (
        <div class="row" role="group" aria-label="Suggested people">
          {suggested.slice(0, 9).map((s, i) => (
            <button key={s} type="button" disabled={busy} onClick={() => name(s)}>
              <kbd>{i + 1}</kbd> {s}
            </button>
          ))}
        </div>
      )}
      {refused && (
        <div class="failure" role="alert">
          <p>{refused.detail}</p>
          <button type="button" onClick={() => name(refused.person, true)}>
            Enrol the pictures all the same
          </button>
        </div>
      )}
      {alike.map((a) => (
        <label key={a.alert} class="also">
          <input type="checkbox" checked={also.includes(a.alert)}
            onChange={(e) => setAlso(e.currentTarget.checked ? [...also, a.alert] : also.filter((id) => id !== a.alert))} />
          also the one of <When time={a.time} /> at {a.camera}
        </label>
      ))}
      {alert.visits > 1 && (
        <label class="also">
          <input type="checkbox" checked={only} onChange={(e) => setOnly(e.currentTarget.checked)} />
          only this visit: the others were somebody else
        </label>
      )}
      <button type="button" class="quiet" disabled={busy} onClick={ignore}>
        Ignore this stranger
      </button>
    </section>
  );
}

/** suggest puts those first whom the face is most like, then the others by name. */
function suggest(like: Schema["Likeness"][], people: Schema["Person"][]): string[] {
  const there = people.filter((p) => !p.ignored).map((p) => p.name);
  return [...new Set([...like.map((l) => l.person).filter((n) => people.length === 0 || there.includes(n)), ...there])];
}

export const plural = (n: number, word: string) => `${n} ${word}${n === 1 ? "" : "s"}`;

/** Verdicts tells what was thought of each picture. */
export function Verdicts({ photos }: { photos: Schema["Photo"][] }) {
  return (
    <ul class="verdicts">
      {photos.map((p, i) => (
        <li key={i}>
          <State kind={p.used ? "good" : "warn"}>
            {p.used ? "Used" : "Not used"}
            {p.verdict && `: ${p.verdict}`}
          </State>
        </li>
      ))}
    </ul>
  );
}
