import { useState } from "preact/hooks";
import { api, ask, formOf, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { go, to } from "../../route.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { Dialog, Failure, Loading, State, toast, useTitle } from "../../ui/ui.tsx";
import { Enrol } from "./enrol.tsx";

/** photoOf is where a person's photo is. */
export const photoOf = (name: string, id: string) => `/api/v1/people/${encodeURIComponent(name)}/photos/${encodeURIComponent(id)}`;

/** Person is one person's photos, or where the first ones of somebody new are added. */
export function Person({ name }: { name: string }) {
  useTitle(name);
  const { data, error, reload } = useLoaded(async () => (await ask(api.GET("/api/v1/people"))).people, [name]);
  const health = useLoaded(() => ask(api.GET("/api/v1/people/health")), [name]);
  const [erasing, setErasing] = useState(false);
  const [receipt, setReceipt] = useState<Schema["Receipt"]>();
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  const person = data.find((p) => p.name === name);
  const configured = person?.source === "configuration";
  const changed = () => {
    reload();
    health.reload();
  };
  return (
    <div class="stack">
      <header class="row">
        <a href={to(["people"])}>People</a>
        <h1>{name}</h1>
        {person && <a href={to(["alerts"], { person: name })}>Alerts</a>}
        {person && !configured && may("admin") && (
          <button type="button" class="danger push" onClick={() => setErasing(true)}>
            Erase
          </button>
        )}
      </header>
      {configured && <p class="hint">These photos come from the configuration: change the folder that it names.</p>}
      {!configured && may("operator") && <Enrol name={name} done={changed} />}
      {health.data?.advice.filter((a) => a.person === name).map((a, i) => (
        <p key={i}>
          <State kind="warn">{a.text}</State>
        </p>
      ))}
      {person && <Photos person={person} changed={changed} />}
      {erasing && <Erase name={name} photos={person?.photos.length ?? 0} close={() => setErasing(false)} erased={setReceipt} />}
      {receipt && <Erased receipt={receipt} />}
    </div>
  );
}

function Photos({ person, changed }: { person: Schema["Person"]; changed: () => void }) {
  const [moving, setMoving] = useState<Schema["Photo"]>();
  const remove = async (photo: string) => {
    try {
      const params = { path: { name: person.name, photo } };
      await ask(api.DELETE("/api/v1/people/{name}/photos/{photo}", { params }));
      changed();
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <ul class="photos">
      {person.photos.map((p, i) => (
        <li key={p.id || i} class="card">
          {p.id ? <img src={photoOf(person.name, p.id)} alt={p.file} width={220} height={220} loading="lazy" /> : <span class="shot none">{p.file}</span>}
          <State kind={p.used ? "good" : "warn"}>{p.used ? "Used" : p.verdict || "Not used"}</State>
          {p.used && p.verdict && <p class="soft">{p.verdict}</p>}
          <p class="soft">
            {p.quality && `${Math.round(p.quality.eye_distance)} px between the eyes, quality ${p.quality.score.toFixed(2)}`}
            {p.added && (
              <>
                {" "}
                · <When time={p.added} />
              </>
            )}
          </p>
          {p.id && person.source === "enrolled" && may("operator") && (
            <div class="row">
              {person.photos.length > 1 && (
                <button type="button" onClick={() => setMoving(p)} aria-label={`${p.file || "photo"} is somebody else`}>
                  Somebody else
                </button>
              )}
              <button type="button" onClick={() => remove(p.id)} aria-label={`Remove ${p.file || "photo"}`}>
                Remove
              </button>
            </div>
          )}
        </li>
      ))}
      {moving && <Move from={person.name} photo={moving} close={() => setMoving(undefined)} moved={changed} />}
    </ul>
  );
}

/** Move gives a photo to the person whom it shows. It stays where it is until the other one has it. */
function Move({ from, photo, close, moved }: { from: string; photo: Schema["Photo"]; close: () => void; moved: () => void }) {
  const [to, setTo] = useState("");
  const [error, setError] = useState("");
  const move = async () => {
    try {
      const got = await fetch(photoOf(from, photo.id));
      if (!got.ok) throw new Error(`The photo cannot be read: ${got.status}`);
      const data = await got.blob();
      const params = { path: { name: to.trim() }, query: { force: true } }; // it resembles the photo that is still there
      await ask(
        api.POST("/api/v1/people/{name}", { params, body: { photo: [] }, bodySerializer: () => formOf([new File([data], photo.file || "photo.jpg", { type: data.type })]) }),
      );
      await ask(api.DELETE("/api/v1/people/{name}/photos/{photo}", { params: { path: { name: from, photo: photo.id } } }));
      toast(`It is ${to.trim()}'s now`);
      close();
      moved();
    } catch (e) {
      setError((e as Error).message);
    }
  };
  return (
    <Dialog title="Who is it?" close={close}>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void move();
        }}
      >
        <label>
          Name
          <input value={to} required maxLength={200} onInput={(e) => setTo(e.currentTarget.value)} />
        </label>
        <p class="error" role="alert">
          {error}
        </p>
        <div class="row">
          <button type="submit" class="main">
            Move the photo
          </button>
          <button type="button" onClick={close}>
            Leave it
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function Erase(props: { name: string; photos: number; close: () => void; erased: (r: Schema["Receipt"]) => void }) {
  const { name, photos, close, erased } = props;
  const [error, setError] = useState("");
  const erase = async () => {
    try {
      erased(await ask(api.DELETE("/api/v1/people/{name}", { params: { path: { name } } })));
      close();
    } catch (e) {
      setError((e as Error).message);
    }
  };
  return (
    <Dialog title={`Erase ${name}?`} close={close}>
      <p>
        {photos} photo{photos === 1 ? "" : "s"} and all that was made of them go at once, and {name} raises alerts again. Alerts and clips that are
        kept go by their age; the receipt names them. This cannot be taken back.
      </p>
      <p class="error" role="alert">
        {error}
      </p>
      <div class="row">
        <button type="button" class="danger" onClick={erase}>
          Erase for ever
        </button>
        <button type="button" onClick={close}>
          Keep
        </button>
      </div>
    </Dialog>
  );
}

function Erased({ receipt }: { receipt: Schema["Receipt"] }) {
  return (
    <Dialog title="Erased" close={() => go(to(["people"]))}>
      <p>
        {receipt.person}, with {receipt.photos} photo{receipt.photos === 1 ? "" : "s"}, at <When time={receipt.erased_at} />.
      </p>
      {receipt.kept.length > 0 && (
        <>
          <p>What still names them, and until when:</p>
          <ul>
            {receipt.kept.map((k, i) => (
              <li key={i}>
                {k.what}, until <When time={k.until} />
              </li>
            ))}
          </ul>
        </>
      )}
      <button type="button" class="main" onClick={() => go(to(["people"]))}>
        To the people
      </button>
    </Dialog>
  );
}
