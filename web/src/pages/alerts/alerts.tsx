import { useEffect, useMemo, useState } from "preact/hooks";
import { api, ask } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { go, route, to } from "../../route.ts";
import { may, seesAll } from "../../session.ts";
import { dayOf } from "../../ui/time.tsx";
import { Failure, Loading, Nothing, toast, useTitle } from "../../ui/ui.tsx";
import { Card } from "./card.tsx";
import { Detail } from "./detail.tsx";
import { Keys, useKeys } from "./keys.tsx";
import { type AlertList, type AlertView, type Filter, useAlerts } from "./list.ts";
import { useWindow } from "./window.ts";
import "./alerts.css";

const names = ["camera", "state", "person", "stranger", "from", "to"] as const;

function filterOf(query: URLSearchParams): Filter {
  return Object.fromEntries(names.map((n) => [n, query.get(n) ?? ""])) as unknown as Filter;
}

export default function Alerts() {
  useTitle("Alerts");
  const { parts, query } = route.value;
  const open = parts[1];
  const filter = filterOf(query);
  const set = useMemo(() => Object.fromEntries(Object.entries(filter).filter(([, v]) => v)), [query.toString()]);
  const list = useAlerts(filter);
  const [selected, select] = useState<string>();
  const [help, showHelp] = useState(false);

  const at = list.alerts.findIndex((a) => a.alert.id === (open ?? selected));
  const step = (by: number) => {
    const next = list.alerts[at < 0 ? 0 : at + by];
    if (!next) return;
    if (at + by > list.alerts.length - 5) list.more();
    select(next.alert.id);
    if (open) go(to(["alerts", next.alert.id], set), true);
    else focusOn(next.alert.id);
  };
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    Enter: () => !open && selected && go(to(["alerts", selected], set)),
    "?": () => showHelp(true),
  });
  const close = () => {
    select(open);
    go(to(["alerts"], set));
  };
  return (
    <>
      <header class="row head">
        <h1>Alerts</h1>
        <Filters filter={filter} />
        {may("operator") && <MarkSeen list={list} />}
        <button type="button" class="quiet keys" onClick={() => showHelp(true)}>
          Keys
        </button>
      </header>
      <Timeline list={list} selected={open ?? selected} query={set} />
      {open && (
        <Detail key={open} id={open} known={list.alerts[at]} close={close} changed={list.put} step={step} />
      )}
      {help && <Keys close={() => showHelp(false)} />}
    </>
  );
}

/** focusOn gives the focus to an alert's card, when it is drawn. */
function focusOn(id: string) {
  requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-alert="${CSS.escape(id)}"] a`)?.focus({ preventScroll: true }));
}

function Filters({ filter }: { filter: Filter }) {
  const cameras = useLoaded(() => ask(api.GET("/api/v1/cameras")), []);
  const people = useLoaded(async () => (seesAll() ? (await ask(api.GET("/api/v1/people"))).people : []), []);
  const change = (name: (typeof names)[number]) => (e: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
    go(to(["alerts"], { ...filter, [name]: e.currentTarget.value }));
  return (
    <form class="row filters" role="search" aria-label="Filter alerts" onSubmit={(e) => e.preventDefault()}>
      <select aria-label="Camera" value={filter.camera} onChange={change("camera")}>
        <option value="">All cameras</option>
        {cameras.data?.cameras.map((c) => <option key={c.camera}>{c.camera}</option>)}
      </select>
      <select aria-label="State" value={filter.state} onChange={change("state")}>
        <option value="">All states</option>
        <option value="new">New</option>
        <option value="seen">Seen</option>
        <option value="dismissed">Dismissed</option>
      </select>
      {Boolean(people.data?.length) && (
        <select aria-label="Person" value={filter.person} onChange={change("person")}>
          <option value="">Everybody</option>
          {people.data!.filter((p) => !p.ignored).map((p) => <option key={p.name}>{p.name}</option>)}
        </select>
      )}
      <input type="date" aria-label="From" value={filter.from} max={filter.to || undefined} onChange={change("from")} />
      <input type="date" aria-label="To" value={filter.to} min={filter.from || undefined} onChange={change("to")} />
      {filter.stranger && (
        <a class="button" href={to(["alerts"], { ...filter, stranger: "" })}>
          One stranger ✕
        </a>
      )}
    </form>
  );
}

function MarkSeen({ list }: { list: AlertList }) {
  const fresh = list.alerts.filter((a) => a.review.state === "new");
  const mark = async () => {
    try {
      for (const { alert } of fresh) {
        const params = { path: { id: alert.id } };
        list.put(await ask(api.PUT("/api/v1/alerts/{id}/review", { params, body: { state: "seen", was: "new" } })));
      }
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  if (fresh.length === 0) return null;
  return (
    <button type="button" class="push" onClick={mark}>
      Mark {fresh.length} seen
    </button>
  );
}

const near = 1500; // pixels from the end at which the next page is asked for

function Timeline({ list, selected, query }: { list: AlertList; selected: string | undefined; query: Record<string, string> }) {
  const { frame, element, grid, rows, all, height } = useWindow(list.alerts, day);
  const last = rows.at(-1);
  useEffect(() => {
    if (last && last.top + last.height > height - near) list.more();
  }, [last?.top, height, list.alerts]);
  useEffect(() => {
    const row = all.find((r) => "items" in r && r.items.some((a) => a.alert.id === selected));
    if (row && element) reveal(element, row);
  }, [selected]);
  if (list.error) return <Failure error={list.error} retry={list.reload} />;
  if (!list.loaded) return <Loading />;
  if (list.alerts.length === 0) {
    return (
      <Nothing title="No alerts">
        <p>{Object.keys(query).length > 0 ? "None that the filter lets through." : "Nobody unknown was seen so far."}</p>
      </Nothing>
    );
  }
  return (
    <>
      <div ref={frame} class="timeline" style={{ height: `${height}px` }}>
        {rows.map((r) =>
          "day" in r ? (
            <h2 key={r.day} style={{ top: `${r.top}px` }}>
              {r.day} <span class="soft">{r.count}</span>
            </h2>
          ) : (
            <ul key={r.items[0]!.alert.id} class="alerts" style={{ top: `${r.top}px`, gridTemplateColumns: `repeat(${grid.columns}, ${grid.card}px)` }}>
              {r.items.map((view) => (
                <Card key={view.alert.id} view={view} selected={view.alert.id === selected} query={query} />
              ))}
            </ul>
          ),
        )}
      </div>
      {list.next && <Loading />}
    </>
  );
}

const day = (view: AlertView) => dayOf(view.alert.opened_at);

/** reveal scrolls so far that the row is in view, below the bar. */
function reveal(frame: HTMLElement, row: { top: number; height: number }) {
  const top = frame.getBoundingClientRect().top + row.top;
  const bar = 60;
  if (top < bar) scrollBy(0, top - bar);
  else if (top + row.height > innerHeight) scrollBy(0, top + row.height - innerHeight);
}
