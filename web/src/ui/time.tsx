// Times as people read them, in their own zone.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const clockOf = (time: string | Date) => clock.format(new Date(time));
export const dayOf = (time: string | Date) => day.format(new Date(time));

/** isSet says that a time of the API is one: it sends the year 1 for none. */
export const isSet = (time: string | null | undefined): time is string => Boolean(time) && !time!.startsWith("0001-");

/** When shows a time: the clock of today, with the day before that. */
export function When({ time }: { time: string }) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  return (
    <time dateTime={time} title={full.format(date)}>
      {today ? clockOf(date) : `${dayOf(date)}, ${clockOf(date)}`}
    </time>
  );
}

/** spanOf is a length of time in words: "2 min 5 s". */
export function spanOf(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}
