// What a page shows comes from the API: it is there, or not yet, or could not be had.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  data: T | undefined;
  error: Error | undefined;
  /** reload asks again; what is shown stays until the answer. */
  reload: () => void;
  /** set shows what the page knows already. */
  set: (data: T) => void;
}

/** useLoaded loads when it is first used and whenever deps change. An answer that comes late is dropped. */
export function useLoaded<T>(load: () => Promise<T>, deps: readonly unknown[]): Loaded<T> {
  const [data, setData] = useState<T>();
  const [error, setError] = useState<Error>();
  const asked = useRef(0);
  const waiting = useRef(false);
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const reload = useCallback(() => {
    const mine = ++asked.current;
    waiting.current = true;
    load().then(
      (got) => {
        if (mine !== asked.current) return;
        waiting.current = false;
        setData(got);
        setError(undefined);
      },
      (e: Error) => {
        if (mine !== asked.current) return;
        waiting.current = false;
        setError(e);
      },
    );
  }, deps);
  const set = useCallback(
    (got: T) => {
      asked.current++;
      setData(got);
      if (waiting.current) reload(); // what was on its way may be older than got, or newer
    },
    [reload],
  );
  useEffect(() => {
    setData(undefined);
    reload();
    return () => void asked.current++;
  }, [reload]);
  return { data, error, reload, set };
}

/** useEvery calls f every so many milliseconds while the page is in view. */
export function useEvery(f: () => void, every: number) {
  const latest = useRef(f);
  latest.current = f;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || latest.current(), every);
    return () => clearInterval(timer);
  }, [every]);
}
