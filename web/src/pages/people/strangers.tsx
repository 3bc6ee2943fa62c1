import { useState } from "preact/hooks";
import { api, ask, local, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { to } from "../../route.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { toast } from "../../ui/ui.tsx";

const most = 40;

/** Strangers are those who raised alerts; several of them can be said to be one person. */
export function Strangers({ named }: { named: () => void }) {
  const { data, error, reload } = useLoaded(async () => (await ask(api.GET("/api/v1/strangers"))).strangers, []);
  const [picked, pick] = useState<string[]>([]);
  if (error) return <p class="error">Strangers: {error.message}</p>;
  if (!data || data.length === 0) return null;
  const chosen = data.filter((s) => picked.includes(s.id));
  const done = () => {
    pick([]);
    reload();
    named();
  };
  return (
    <section class="stack" aria-labelledby="strangers">
      <header class="row">
        <h2 id="strangers">Strangers</h2>
        {chosen.length > 0 && <NameAll strangers={chosen} done={done} />}
      </header>
      <ul class="people">
        {data.slice(0, most).map((s) => (
          <li key={s.id}>
            <a href={to(["alerts"], { stranger: s.id })}>
              {s.shot_url ? <img src={local(s.shot_url)} alt="" width={150} height={150} loading="lazy" /> : <span class="shot none" />}
              <span>
                {s.alerts.length} visit{s.alerts.length === 1 ? "" : "s"}
              </span>
              <span class="soft">
                <When time={s.last} />, {s.cameras.join(", ")}
              </span>
            </a>
            {may("operator") && (
              <label class="pick">
                <input
                  type="checkbox"
                  checked={picked.includes(s.id)}
                  onChange={(e) => pick(e.currentTarget.checked ? [...picked, s.id] : picked.filter((id) => id !== s.id))}
                />
                Select
              </label>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function NameAll({ strangers, done }: { strangers: Schema["Stranger"][]; done: () => void }) {
  const [person, setPerson] = useState("");
  const [first, ...others] = strangers;
  const params = { path: { id: first!.alerts[0]! } };
  const also = others.map((s) => s.alerts[0]!);
  const attempt = async (run: () => Promise<Schema["Named"]>) => {
    try {
      const got = await run();
      toast(got.ignored ? "Ignored" : `${strangers.length === 1 ? "This is" : "All of them are"} ${got.person}, in ${got.alerts.length} alerts`);
      done();
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <form
      class="row"
      onSubmit={(e) => {
        e.preventDefault();
        void attempt(() => ask(api.POST("/api/v1/alerts/{id}/name", { params, body: { person: person.trim(), also } })));
      }}
    >
      <input aria-label="Name of the selected" placeholder={strangers.length === 1 ? "This is …" : "All of them are …"} required maxLength={200} value={person}
        onInput={(e) => setPerson(e.currentTarget.value)} />
      <button type="submit" class="main">
        Name {strangers.length}
      </button>
      <button type="button" onClick={() => attempt(() => ask(api.POST("/api/v1/alerts/{id}/ignore", { params, body: { also } })))}>
        Ignore
      </button>
    </form>
  );
}
