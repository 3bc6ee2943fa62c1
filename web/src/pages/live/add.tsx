import { useEffect, useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { to } from "../../route.ts";
import { Dialog, State } from "../../ui/ui.tsx";

/** AddCamera adds a camera by its address, after a look at its picture, or one that publishes. */
export function AddCamera({ close }: { close: () => void }) {
  const [kind, setKind] = useState<"pull" | "publish">("pull");
  const [id, setId] = useState("");
  const [url, setURL] = useState("");
  const [tried, setTried] = useState<Schema["CameraTest"]>();
  const [added, setAdded] = useState<Schema["AddedCamera"]>();
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const attempt = async (run: () => Promise<unknown>) => {
    setBusy(true);
    setError("");
    try {
      await run();
    } catch (e) {
      setError((e as Error).message);
    }
    setBusy(false);
  };
  const test = () => attempt(async () => setTried(await ask(api.POST("/api/v1/cameras/test", { body: { url } }))));
  const add = () =>
    attempt(async () => {
      const made = await ask(api.POST("/api/v1/cameras", { body: kind === "pull" ? { id, url } : { id } }));
      if (made.publish_token) setAdded(made);
      else close();
    });
  if (added) return <Published camera={added} close={close} />;
  return (
    <Dialog title="Add a camera" close={close}>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          void add();
        }}
      >
        <div class="row" role="group" aria-label="How its video comes">
          <button type="button" aria-pressed={kind === "pull"} onClick={() => setKind("pull")}>
            By its address
          </button>
          <button type="button" aria-pressed={kind === "publish"} onClick={() => setKind("publish")}>
            It publishes
          </button>
        </div>
        <label for="id">Id</label>
        <input id="id" value={id} required pattern="[a-z0-9\-]{1,63}" placeholder="front-door" title="a to z, 0 to 9 and -" onInput={(e) => setId(e.currentTarget.value)} />
        {kind === "pull" ? (
          <>
            <label for="url">Address</label>
            <input id="url" value={url} required placeholder="rtsp://user:password@10.0.0.5/stream" autocomplete="off"
              onInput={(e) => {
                setURL(e.currentTarget.value);
                setTried(undefined);
              }} />
            <button type="button" disabled={busy || !url} onClick={test}>
              {busy ? "Connecting …" : "Try it"}
            </button>
            {tried && <Tried test={tried} />}
          </>
        ) : (
          <p class="hint">A token is made for it. A browser or a phone can be the camera: a link says how.</p>
        )}
        <p class="error" role="alert">
          {error}
        </p>
        <button type="submit" class="main" disabled={busy}>
          Add
        </button>
      </form>
    </Dialog>
  );
}

function Tried({ test }: { test: Schema["CameraTest"] }) {
  const [link, setLink] = useState("");
  useEffect(() => {
    if (!test.picture) return;
    const bytes = Uint8Array.from(atob(test.picture), (c) => c.charCodeAt(0));
    const made = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    setLink(made);
    return () => URL.revokeObjectURL(made);
  }, [test]);
  return (
    <div role="status" class="stack">
      <State kind={test.ok ? "good" : "bad"}>{test.detail}</State>
      {link && <img src={link} alt="What the camera shows" />}
    </div>
  );
}

function Published({ camera, close }: { camera: Schema["AddedCamera"]; close: () => void }) {
  const link = location.origin + location.pathname + to(["publish"], { camera: camera.id, token: camera.publish_token });
  return (
    <Dialog title={`${camera.id} may publish`} close={close}>
      <p>The token is shown this once. It is RTSP's password, and WHIP's bearer token.</p>
      <label for="publish-token">Token</label>
      <input id="publish-token" readOnly value={camera.publish_token} onFocus={(e) => e.currentTarget.select()} />
      <label for="publish-link">This opens a page that makes a browser or a phone the camera</label>
      <input id="publish-link" readOnly value={link} onFocus={(e) => e.currentTarget.select()} />
      <a href={link} target="_blank" rel="noreferrer">
        Open it here
      </a>
      <button type="button" class="main" onClick={close}>
        I have kept them
      </button>
    </Dialog>
  );
}
