import { api, ask, local, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { to } from "../../route.ts";
import { When } from "../../ui/time.tsx";
import { Shot } from "./card.tsx";
import type { AlertView } from "./list.ts";

const most = 6;

/** Beside shows earlier visits of the same stranger, and faces like this one. */
export function Beside({ view, similar, error }: { view: AlertView; similar: Schema["SearchResult"] | undefined; error: Error | undefined }) {
  const { alert } = view;
  const earlier = useLoaded(async () => {
    const query = { stranger: alert.stranger, limit: most + 1 };
    const page = await ask(api.GET("/api/v1/alerts", { params: { query } }));
    return page.alerts.filter((a) => a.alert.id !== alert.id);
  }, [alert.id, alert.stranger]);
  const visits = earlier.data ?? [];
  const others = (similar?.alerts ?? []).filter((a) => a.alert !== alert.id && !visits.some((v) => v.alert.id === a.alert));
  return (
    <>
      {visits.length > 0 && (
        <section class="stack" aria-labelledby="visits">
          <h3 id="visits">
            Other visits of the same stranger <a href={to(["alerts"], { stranger: alert.stranger })}>all</a>
          </h3>
          <ul class="strip">
            {visits.slice(0, most).map((v) => (
              <li key={v.alert.id}>
                <a href={to(["alerts", v.alert.id])}>
                  <Shot alert={v.alert} size={88} />
                  <When time={v.alert.opened_at} />
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      {error && <p class="soft">Similar faces: {error.message}</p>}
      {others.length > 0 && (
        <section class="stack" aria-labelledby="similar">
          <h3 id="similar">Similar faces</h3>
          <ul class="strip">
            {others.slice(0, most).map((o) => (
              <li key={o.alert}>
                <a href={to(["alerts", o.alert])}>
                  {o.shot_url ? <img class="shot" src={local(o.shot_url)} alt="" width={88} height={88} loading="lazy" /> : <span class="shot none" />}
                  <When time={o.time} />
                  <span class="soft">{o.alike ? "alike" : o.score.toFixed(2)}</span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}
