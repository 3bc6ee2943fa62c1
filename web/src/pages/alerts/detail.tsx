import { useEffect, useRef } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { type Event, onEvent } from "../../events.ts";
import { useLoaded } from "../../loaded.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { Dialog, Failure, Loading, toast } from "../../ui/ui.tsx";
import { Beside } from "./beside.tsx";
import { Shot, whoOf } from "./card.tsx";
import { useKeys } from "./keys.tsx";
import type { AlertView } from "./list.ts";
import { Naming } from "./naming.tsx";
import { Player } from "./player.tsx";
import { Notes, Share } from "./review.tsx";

interface Props {
  id: string;
  known: AlertView | undefined;
  close: () => void;
  /** changed is told what became of the alert. */
  changed: (view: AlertView) => void;
  step: (by: number) => void;
}

/** mediaOf is where a clip is loaded from by who is logged in. */
const mediaOf = (clip: Schema["Clip"]) => "/media/" + clip.key.split("/").map(encodeURIComponent).join("/");

export function Detail({ id, known, close, changed, step }: Props) {
  const path = { path: { id } };
  const { data, error, reload, set } = useLoaded(() => ask(api.GET("/api/v1/alerts/{id}", { params: path })), [id]);
  const view = data ?? known;
  const take = (next: AlertView) => {
    set(next);
    changed(next);
  };
  useEffect(() => onEvent((e) => e.data.alert?.id === id && reload()), [id, reload]);
  const review = useReview(id, take);
  useEffect(() => {
    if (data && data.review.state === "new" && may("operator")) review("seen", "new");
  }, [data?.review.state]);
  return (
    <Dialog title={view ? `${whoOf(view)} at ${view.alert.camera}` : "Alert"} close={close} wide>
      {error && <Failure error={error} retry={reload} />}
      {!view && !error && <Loading />}
      {view && <Content view={view} take={take} review={review} step={step} />}
    </Dialog>
  );
}

type State = Schema["Review"]["state"];

/**
 * useReview returns what sets the state of review, if it still is what it was. One follows the other: that an alert was seen,
 * which is said by itself, comes neither after nor in place of what somebody says of it meanwhile.
 */
function useReview(id: string, take: (view: AlertView) => void) {
  const last = useRef(Promise.resolve());
  const put = async (state: State, was?: State) => {
    try {
      take(await ask(api.PUT("/api/v1/alerts/{id}/review", { params: { path: { id } }, body: { state, was } })));
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (state: State, was?: State) => void (last.current = last.current.then(() => put(state, was)));
}

interface ContentProps {
  view: AlertView;
  take: (view: AlertView) => void;
  review: (state: State) => void;
  step: (by: number) => void;
}

function Content({ view, take, review, step }: ContentProps) {
  const { alert, clips } = view;
  const params = { path: { id: alert.id } };
  const video = useRef<HTMLVideoElement>(null);
  const boxes = useLoaded(() => ask(api.GET("/api/v1/alerts/{id}/boxes", { params })), [alert.id]);
  const why = useLoaded(() => ask(api.GET("/api/v1/alerts/{id}/explanation", { params })), [alert.id]);
  const again = (e: Event) => {
    if (e.data.alert?.id !== alert.id) return;
    boxes.reload();
    why.reload();
  };
  useEffect(() => onEvent(again), [alert.id]);
  const similar = useLoaded(
    async () => (may("operator") ? await ask(api.GET("/api/v1/alerts/{id}/similar", { params })) : undefined),
    [alert.id],
  );
  const dismissed = view.review.state === "dismissed";
  const dismiss = () => review(dismissed ? "seen" : "dismissed");
  useKeys({
    " ": () => (video.current?.paused ? void video.current.play() : video.current?.pause()),
    d: () => may("operator") && dismiss(),
  });
  return (
    <div class="detail">
      <div class="stack">
        {clips.length > 0 ? (
          <Player clips={clips} camera={alert.camera} tracks={boxes.data?.tracks ?? none} source={mediaOf} video={video} />
        ) : (
          <div class="waiting">
            <Shot alert={alert} size={320} />
            <p role="status">
              {view.clip_deleted ? "The clip was deleted: it was kept for as long as its owner wanted it." : "The clip follows when they have left."}
            </p>
          </div>
        )}
        <p class="why">{why.data?.summary ?? why.error?.message}</p>
        <div class="row">
          <button type="button" onClick={() => step(1)}>
            ← Older
          </button>
          <button type="button" onClick={() => step(-1)}>
            Newer →
          </button>
          {may("operator") && (
            <button type="button" aria-pressed={dismissed} onClick={dismiss}>
              {dismissed ? "Dismissed: take back" : "Dismiss"}
            </button>
          )}
          <a class="button" href={`/api/v1/alerts/${encodeURIComponent(alert.id)}/export`} download>
            Export
          </a>
          {may("operator") && <Share id={alert.id} />}
        </div>
        <Facts view={view} why={why.data} />
        <Notes view={view} changed={take} />
      </div>
      <div class="stack">
        {may("operator") && <Naming view={view} similar={similar.data} changed={take} />}
        <Beside view={view} similar={similar.data} error={similar.error} />
      </div>
    </div>
  );
}

const none: Schema["TrackBoxes"][] = [];

function Facts({ view, why }: { view: AlertView; why: Schema["Explanation"] | undefined }) {
  const { alert } = view;
  const last = why?.tracks.flatMap((t) => t.sightings).findLast((s) => s.evidence)?.evidence;
  return (
    <details>
      <summary>Details</summary>
      <dl class="facts">
        <dt>Opened</dt>
        <dd>
          <When time={alert.opened_at} />
        </dd>
        {alert.closed_at && (
          <>
            <dt>Closed</dt>
            <dd>
              <When time={alert.closed_at} />
            </dd>
          </>
        )}
        <dt>Rule</dt>
        <dd>{alert.rule}</dd>
        <dt>Nearest</dt>
        <dd>{alert.nearest ? `${alert.nearest.person}, cosine ${alert.nearest.score.toFixed(3)}` : "nobody is enrolled"}</dd>
        {last && (
          <>
            <dt>Threshold</dt>
            <dd>
              cosine {last.threshold.toFixed(3)}, {last.enrolled} enrolled, {last.model}
            </dd>
            <dt>Faces</dt>
            <dd>
              {last.shots.length} looked at, best {Math.max(0, ...last.shots.map((s) => s.quality.eye_distance)).toFixed(0)} pixels between the eyes
            </dd>
          </>
        )}
        <dt>Alert</dt>
        <dd>
          <code>{alert.id}</code>
        </dd>
      </dl>
    </details>
  );
}
