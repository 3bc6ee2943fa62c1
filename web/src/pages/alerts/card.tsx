import { memo } from "preact/compat";
import { local, type Schema } from "../../api.ts";
import { to } from "../../route.ts";
import { clockOf } from "../../ui/time.tsx";
import type { AlertView } from "./list.ts";

/** whoOf names who an alert shows. */
export function whoOf(view: Pick<AlertView, "alert" | "review">): string {
  const { alert, review } = view;
  if (review?.naming?.ignored) return "Ignored";
  if (review?.naming) return review.naming.person;
  if (alert.decision === "known" && alert.nearest) return alert.nearest.person;
  if (alert.decision === "undecided") return "Somebody, face not clear";
  return alert.visits > 1 ? `Stranger, visit ${alert.visits}` : "Stranger";
}

/** stateOf is one word of what became of the alert. */
export function stateOf({ alert, clip, clip_deleted, review }: AlertView): string {
  if (review.state === "dismissed") return "dismissed";
  if (alert.corrected_at) return "corrected";
  if (clip) return "clip";
  if (clip_deleted) return "clip gone";
  return alert.closed_at ? "clip soon" : "there now";
}

export function Shot({ alert, size }: { alert: Schema["Alert"]; size: number }) {
  if (!alert.best_shot_url) return <span class="shot none" aria-hidden="true" />;
  return <img class="shot" src={local(alert.best_shot_url)} alt="" width={size} height={size} loading="lazy" decoding="async" />;
}

/** Card is drawn again only when what it shows has changed: there may be thousands. */
export const Card = memo(function Card({ view, selected, query }: { view: AlertView; selected: boolean; query: Record<string, string> }) {
  const { alert, review } = view;
  const kind = [review.state, alert.corrected_at ? "corrected" : "", selected ? "selected" : ""].join(" ");
  return (
    <li class={`alert ${kind}`} data-alert={alert.id}>
      <a href={to(["alerts", alert.id], query)} aria-current={selected ? "true" : undefined}>
        <Shot alert={alert} size={200} />
        <span class="words">
          <strong>{whoOf(view)}</strong>
          <span>
            <time dateTime={alert.opened_at}>{clockOf(alert.opened_at)}</time> · {alert.camera}
          </span>
          <span class="mark">{stateOf(view)}</span>
        </span>
        {review.state === "new" && <span class="new">new</span>}
      </a>
    </li>
  );
});
