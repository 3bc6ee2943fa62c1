import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { Dialog, toast } from "../../ui/ui.tsx";
import type { AlertView } from "./list.ts";

export function Notes({ view, changed }: { view: AlertView; changed: (view: AlertView) => void }) {
  const { alert, review } = view;
  const [text, setText] = useState("");
  const add = async (e: SubmitEvent) => {
    e.preventDefault();
    try {
      const note = await ask(api.POST("/api/v1/alerts/{id}/notes", { params: { path: { id: alert.id } }, body: { text } }));
      changed({ ...view, review: { ...review, notes: [...review.notes, note] } });
      setText("");
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <section class="stack" aria-label="Notes">
      {review.notes.map((n) => (
        <p key={n.at} class="note">
          {n.text}{" "}
          <span class="soft">
            {n.by}, <When time={n.at} />
          </span>
        </p>
      ))}
      {may("operator") && (
        <form class="row" onSubmit={add}>
          <input aria-label="Note" placeholder="Note" class="grow" value={text} onInput={(e) => setText(e.currentTarget.value)} required />
          <button type="submit">Add</button>
        </form>
      )}
    </section>
  );
}

const lives = [
  [1, "an hour"],
  [24, "a day"],
  [168, "a week"],
] as const;

/** Share makes a link that opens the alert without a login, for a while. */
export function Share({ id }: { id: string }) {
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<Schema["Share"]>();
  const [error, setError] = useState("");
  const make = async (hours: number) => {
    try {
      setMade(await ask(api.POST("/api/v1/alerts/{id}/share", { params: { path: { id } }, body: { hours } })));
    } catch (e) {
      setError((e as Error).message);
    }
  };
  const copy = async () => {
    await navigator.clipboard.writeText(made!.url).then(
      () => toast("Copied"),
      () => toast("The browser does not let the page copy: select the address.", "bad"),
    );
  };
  const close = () => {
    setOpen(false);
    setMade(undefined);
    setError("");
  };
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Share
      </button>
      {open && (
        <Dialog title="Share this alert" close={close}>
          {made ? (
            <>
              <label for="share">Opens without a login until {new Date(made.expires_at).toLocaleString()}</label>
              <input id="share" readOnly value={made.url} onFocus={(e) => e.currentTarget.select()} />
              <button type="button" class="main" onClick={copy}>
                Copy
              </button>
            </>
          ) : (
            <>
              <p>A link shows the picture and the clip to everybody who has it; no notes, and no names of people.</p>
              <div class="row">
                {lives.map(([hours, name]) => (
                  <button key={hours} type="button" onClick={() => make(hours)}>
                    For {name}
                  </button>
                ))}
              </div>
            </>
          )}
          <p class="error" role="alert">
            {error}
          </p>
        </Dialog>
      )}
    </>
  );
}
