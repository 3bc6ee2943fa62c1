// What of a long list is drawn: the rows in view and a few beside them. Ten thousand pictures in a document make every
// frame of a scroll late.
import { useEffect, useMemo, useState } from "preact/hooks";

/** Row is a line of the timeline, so many pixels from its top. */
export type Row<T> = { top: number; height: number } & ({ day: string; count: number } | { items: T[]; first: number });

const gap = 11;
const narrowest = 170; // of a card
const words = 76; // below its picture
const heading = 44;
const beyond = 900; // pixels above and below the view

/** Grid is how the cards lie. */
export interface Grid {
  columns: number;
  card: number;
}

/** gridOf fits cards into a width, two beside each other at least. */
export function gridOf(width: number): Grid {
  const columns = Math.max(2, Math.floor((width + gap) / (narrowest + gap)));
  return { columns, card: Math.floor((width - gap * (columns - 1)) / columns) };
}

/** rowsOf lays out the items of days that follow each other. */
export function rowsOf<T>(items: T[], dayOf: (item: T) => string, grid: Grid): { rows: Row<T>[]; height: number } {
  const rows: Row<T>[] = [];
  let top = 0;
  const add = (row: Row<T>) => {
    rows.push(row);
    top += row.height;
  };
  for (let i = 0; i < items.length; ) {
    const day = dayOf(items[i]!);
    let end = i + 1;
    while (end < items.length && dayOf(items[end]!) === day) end++;
    add({ top, height: heading, day, count: end - i });
    for (; i < end; i += grid.columns) {
      add({ top, height: grid.card + words + gap, items: items.slice(i, Math.min(end, i + grid.columns)), first: i });
    }
    i = end;
  }
  return { rows, height: top };
}

/** useWindow says which of the rows are near the view, and how the grid fits the element that frame is the ref of. */
export function useWindow<T>(items: T[], dayOf: (item: T) => string) {
  const [element, frame] = useState<HTMLElement | null>(null);
  const [width, setWidth] = useState(0);
  const [view, setView] = useState({ top: 0, bottom: 2000 });
  useEffect(() => {
    const e = element;
    if (!e) return;
    const sized = new ResizeObserver(() => setWidth(e.clientWidth));
    sized.observe(e);
    let frame = 0;
    const look = () => {
      frame = 0;
      const top = -e.getBoundingClientRect().top;
      // In steps, so that most of a scroll draws nothing anew.
      const step = Math.floor(top / 300) * 300;
      setView((v) => (v.top === step - beyond ? v : { top: step - beyond, bottom: step + innerHeight + beyond + 300 }));
    };
    const scrolled = () => {
      frame ||= requestAnimationFrame(look);
    };
    look();
    addEventListener("scroll", scrolled, { passive: true });
    addEventListener("resize", scrolled);
    return () => {
      sized.disconnect();
      cancelAnimationFrame(frame);
      removeEventListener("scroll", scrolled);
      removeEventListener("resize", scrolled);
    };
  }, [element]);
  const grid = useMemo(() => gridOf(width || 360), [width]);
  const all = useMemo(() => rowsOf(items, dayOf, grid), [items, grid]);
  const rows = useMemo(() => all.rows.filter((r) => r.top + r.height > view.top && r.top < view.bottom), [all, view]);
  return { frame, element, grid, rows, all: all.rows, height: all.height };
}
