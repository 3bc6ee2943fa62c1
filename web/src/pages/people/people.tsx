import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { go, route, to } from "../../route.ts";
import { may } from "../../session.ts";
import { Dialog, Failure, Loading, Nothing, State, toast, useTitle } from "../../ui/ui.tsx";
import { Person, photoOf } from "./person.tsx";
import { Strangers } from "./strangers.tsx";
import "./people.css";

/** People is the grid of who is enrolled, one person's photos, or those who are not enrolled. */
export default function People() {
  const [, name] = route.value.parts;
  if (name !== undefined) return <Person key={name} name={name} />;
  return <Everybody />;
}

function Everybody() {
  useTitle("People");
  const people = useLoaded(async () => (await ask(api.GET("/api/v1/people"))).people, []);
  const health = useLoaded(() => ask(api.GET("/api/v1/people/health")), []);
  const [search, setSearch] = useState("");
  const [adding, setAdding] = useState(false);
  if (people.error) return <Failure error={people.error} retry={people.reload} />;
  if (!people.data) return <Loading />;
  const known = people.data.filter((p) => !p.ignored && p.name.toLocaleLowerCase().includes(search.toLocaleLowerCase()));
  const ignored = people.data.filter((p) => p.ignored);
  const reload = () => {
    people.reload();
    health.reload();
  };
  return (
    <div class="stack">
      <header class="row">
        <h1>People</h1>
        <input type="search" aria-label="Search by name" placeholder="Name" value={search} onInput={(e) => setSearch(e.currentTarget.value)} />
        {may("operator") && (
          <button type="button" class="main push" onClick={() => setAdding(true)}>
            New person
          </button>
        )}
      </header>
      {known.length === 0 ? (
        <Nothing title={search ? "Nobody of that name" : "Nobody is enrolled"}>
          {!search && <p>Until somebody is, every face that is seen raises an alert.</p>}
        </Nothing>
      ) : (
        <ul class="people">
          {known.map((p) => (
            <Face key={p.name} person={p} advice={health.data?.advice.filter((a) => a.person === p.name) ?? []} />
          ))}
        </ul>
      )}
      <Advice health={health.data} />
      <Strangers named={reload} />
      {ignored.length > 0 && <Ignored people={ignored} changed={reload} />}
      {adding && <NewPerson close={() => setAdding(false)} />}
    </div>
  );
}

function Face({ person, advice }: { person: Schema["Person"]; advice: Schema["Advice"][] }) {
  const used = person.photos.filter((p) => p.used);
  const shown = used.find((p) => p.id) ?? person.photos.find((p) => p.id);
  return (
    <li>
      <a href={to(["people", person.name])}>
        {shown ? <img src={photoOf(person.name, shown.id)} alt="" width={150} height={150} loading="lazy" /> : <span class="shot none" aria-hidden="true" />}
        <strong>{person.name}</strong>
        <State kind={used.length === 0 ? "bad" : advice.length > 0 ? "warn" : "good"}>
          {used.length} photo{used.length === 1 ? "" : "s"}
          {person.source === "configuration" && ", configured"}
        </State>
      </a>
    </li>
  );
}

function Advice({ health }: { health: Schema["GalleryHealth"] | undefined }) {
  if (!health || health.advice.length === 0) return null;
  return (
    <section class="stack" aria-labelledby="health">
      <h2 id="health">What would make it surer</h2>
      <ul class="advice">
        {health.advice.map((a, i) => (
          <li key={i}>
            <a href={to(["people", a.person])}>{a.person}</a>: {a.text}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Ignored({ people, changed }: { people: Schema["Person"][]; changed: () => void }) {
  const forget = async (name: string) => {
    try {
      await ask(api.DELETE("/api/v1/people/{name}", { params: { path: { name } } }));
      toast("Raises alerts again");
      changed();
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <section class="stack" aria-labelledby="ignored">
      <h2 id="ignored">Ignored strangers</h2>
      <ul class="people">
        {people.map((p) => (
          <li key={p.name}>
            {p.photos[0]?.id ? <img src={photoOf(p.name, p.photos[0].id)} alt="" width={150} height={150} loading="lazy" /> : <span class="shot none" />}
            {may("admin") && (
              <button type="button" onClick={() => forget(p.name)}>
                Let alarm again
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function NewPerson({ close }: { close: () => void }) {
  const [name, setName] = useState("");
  return (
    <Dialog title="New person" close={close}>
      <form
        class="stack"
        onSubmit={(e) => {
          e.preventDefault();
          close();
          go(to(["people", name.trim()]));
        }}
      >
        <label for="name">Name</label>
        <input id="name" value={name} required maxLength={200} onInput={(e) => setName(e.currentTarget.value)} />
        <p class="hint">Photos are added next. Nothing is kept before the first one is taken.</p>
        <button type="submit" class="main">
          Go on to the photos
        </button>
      </form>
    </Dialog>
  );
}
