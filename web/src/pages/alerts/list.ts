// The alerts that are shown, as they come in pages, and as events tell of more.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { api, ask, Problem, type Schema } from "../../api.ts";
import { onEvent } from "../../events.ts";

export type AlertView = Schema["AlertView"];

/** Filter is what of the alerts is asked for; an empty string is no limit. */
export interface Filter {
  camera: string;
  state: string;
  person: string;
  stranger: string;
  from: string; // a day, in the zone of who looks: 2026-11-26
  to: string; // the last day
}

const pageSize = 60;

/** queryOf is the filter as the API wants it. */
export function queryOf(f: Filter) {
  const dayAfter = (day: string) => {
    const date = new Date(day + "T00:00:00");
    date.setDate(date.getDate() + 1);
    return date.toISOString();
  };
  return {
    camera: f.camera ? [f.camera] : undefined,
    state: (f.state || undefined) as Schema["Review"]["state"] | undefined,
    person: f.person || undefined,
    stranger: f.stranger || undefined,
    from: f.from ? new Date(f.from + "T00:00:00").toISOString() : undefined,
    to: f.to ? dayAfter(f.to) : undefined,
  };
}

export interface AlertList {
  alerts: AlertView[];
  /** loaded says that the first page is there. */
  loaded: boolean;
  /** next is the cursor of what follows; empty at the end. */
  next: string;
  error: Error | undefined;
  more: () => void;
  reload: () => void;
  /** put shows an alert as it is now. */
  put: (view: AlertView) => void;
}

/** useAlerts loads the newest alerts of the filter, more of them when asked, and what happens from then on. */
export function useAlerts(filter: Filter): AlertList {
  const [state, setState] = useState<{ alerts: AlertView[]; next: string; loaded: boolean }>(nothing);
  const [error, setError] = useState<Error>();
  const busy = useRef(false);
  const asked = useRef(0);
  const following = useRef(""); // the cursor of what follows, also before it is drawn: an effect may ask for more by then
  const key = JSON.stringify(queryOf(filter));

  const page = useCallback(
    async (cursor: string) => {
      const mine = asked.current;
      busy.current = true;
      try {
        const query = { ...queryOf(filter), limit: pageSize, ...(cursor ? { cursor } : {}) };
        const got = await ask(api.GET("/api/v1/alerts", { params: { query } }));
        if (mine !== asked.current) return;
        setError(undefined);
        following.current = got.next;
        setState((s) => ({ alerts: cursor ? merge(s.alerts, got.alerts) : got.alerts, next: got.next, loaded: true }));
      } catch (e) {
        if (mine === asked.current) setError(e as Error);
      } finally {
        if (mine === asked.current) busy.current = false;
      }
    },
    [key],
  );

  const reload = useCallback(() => {
    asked.current++;
    following.current = "";
    void page("");
  }, [page]);

  useEffect(() => {
    setState(nothing);
    reload();
    return () => void asked.current++;
  }, [reload]);

  const puts = useRef(0);
  const put = useCallback((view: AlertView) => {
    puts.current++;
    setState((s) => ({ ...s, alerts: s.alerts.map((a) => (a.alert.id === view.alert.id ? view : a)) }));
  }, []);

  useEffect(() => {
    const show = async (id: string, fresh: boolean) => {
      const before = puts.current;
      const view = await refresh(filter, fresh, id);
      if (before !== puts.current) return show(id, fresh); // the answer may be older than what was put meanwhile
      if (view) setState((s) => ({ ...s, alerts: merge([view], s.alerts) }));
    };
    return onEvent((event) => event.data.alert && void show(event.data.alert.id, event.type === "alert.opened"));
  }, [key]);

  const more = () => {
    if (!busy.current && following.current) void page(following.current);
  };
  return { ...state, error, more, reload, put };
}

const nothing = { alerts: [], next: "", loaded: false };

/** refresh returns an alert that an event told of, if the filter lets it through. */
async function refresh(filter: Filter, fresh: boolean, id: string): Promise<AlertView | undefined> {
  try {
    if (!fresh) return await ask(api.GET("/api/v1/alerts/{id}", { params: { path: { id } } }));
    const query = { ...queryOf(filter), limit: 5 };
    const newest = await ask(api.GET("/api/v1/alerts", { params: { query } }));
    return newest.alerts.find((a) => a.alert.id === id);
  } catch (e) {
    if (e instanceof Problem) return undefined; // the next event, or a look at it, will do
    throw e;
  }
}

/** merge returns both, newest first, of two of one alert that of the first list. What is older than all that is there is left to its page. */
function merge(a: AlertView[], b: AlertView[]): AlertView[] {
  const all = new Map<string, AlertView>();
  for (const view of [...b, ...a]) all.set(view.alert.id, view);
  return [...all.values()].sort((x, y) => (x.alert.id < y.alert.id ? 1 : -1));
}
