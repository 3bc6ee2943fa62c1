import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { useEvery, useLoaded } from "../../loaded.ts";
import { go, route, to } from "../../route.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { Dialog, Failure, Loading, Nothing, State, toast, useTitle } from "../../ui/ui.tsx";
import { AddCamera } from "./add.tsx";
import { Picture } from "./picture.tsx";
import "./live.css";

const look = 5000;

/** Live is every camera as it is now, or one of them. */
export default function Live() {
  useTitle("Live");
  const one = route.value.parts[1];
  const { data, error, reload } = useLoaded(async () => (await ask(api.GET("/api/v1/cameras"))).cameras, []);
  const [adding, setAdding] = useState(false);
  useEvery(reload, look);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  const shown = one === undefined ? data : data.filter((c) => c.camera === one);
  return (
    <div class="stack">
      <header class="row">
        {one !== undefined && <a href={to(["live"])}>All cameras</a>}
        <h1>{one ?? "Live"}</h1>
        {may("admin") && one === undefined && (
          <button type="button" class="main push" onClick={() => setAdding(true)}>
            Add a camera
          </button>
        )}
      </header>
      {shown.length === 0 ? (
        <Nothing title={one === undefined ? "No camera" : `No camera ${one}`}>
          <p>Add one by its address, or let one publish: the program's first words say where to.</p>
        </Nothing>
      ) : (
        <ul class={one === undefined ? "cameras" : "cameras one"}>
          {shown.map((c) => (
            <Tile key={c.camera} camera={c} alone={one !== undefined} changed={reload} />
          ))}
        </ul>
      )}
      {adding && (
        <AddCamera
          close={() => {
            setAdding(false);
            reload();
          }}
        />
      )}
    </div>
  );
}

function Tile({ camera: c, alone, changed }: { camera: Schema["Camera"]; alone: boolean; changed: () => void }) {
  const [removing, setRemoving] = useState(false);
  return (
    <li class="card">
      <Picture camera={c} />
      <div class="row">
        {alone ? <strong>{c.camera}</strong> : <a href={to(["live", c.camera])}>{c.camera}</a>}
        <State kind={c.online ? "good" : "bad"}>{c.online ? "online" : "offline"}</State>
        <a class="push" href={to(["alerts"], { camera: c.camera })}>
          Alerts
        </a>
        {may("admin") && c.from === "added" && (
          <button type="button" class="quiet" onClick={() => setRemoving(true)} aria-label={`Remove ${c.camera}`}>
            Remove
          </button>
        )}
      </div>
      <p class="soft">
        {c.codec && `${c.codec} ${c.width}×${c.height}, ${(c.bitrate / 1e6).toFixed(1)} Mbit/s, ${c.rate.toFixed(0)} pictures/s`}
        {c.lost > 0 && `, ${c.lost} packets lost`}
        {!c.online && (
          <>
            {" "}
            since <When time={c.since} />
          </>
        )}
      </p>
      {c.last_error && !c.online && <p class="error">{c.last_error}</p>}
      {removing && <Remove camera={c.camera} close={() => setRemoving(false)} changed={changed} />}
    </li>
  );
}

function Remove({ camera, close, changed }: { camera: string; close: () => void; changed: () => void }) {
  const remove = async () => {
    try {
      await ask(api.DELETE("/api/v1/cameras/{id}", { params: { path: { id: camera } } }));
      close();
      changed();
      go(to(["live"]));
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <Dialog title={`Remove ${camera}?`} close={close}>
      <p>It is not watched any more. Its alerts and clips stay for as long as they are kept.</p>
      <div class="row">
        <button type="button" class="danger" onClick={remove}>
          Remove it
        </button>
        <button type="button" onClick={close}>
          Keep it
        </button>
      </div>
    </Dialog>
  );
}
