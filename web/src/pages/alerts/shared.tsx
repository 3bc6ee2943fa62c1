import { useRef } from "preact/hooks";
import { api, ask, local } from "../../api.ts";
import icon from "../../icon.svg";
import { useLoaded } from "../../loaded.ts";
import { route } from "../../route.ts";
import { When } from "../../ui/time.tsx";
import { Failure, Loading, useTitle } from "../../ui/ui.tsx";
import { Shot } from "./card.tsx";
import { Player } from "./player.tsx";
import "./alerts.css";

/** Shared is the one alert that a link opens, without a login. */
export default function Shared() {
  useTitle("Shared alert");
  const { parts, query } = route.value;
  const id = parts[1] ?? "";
  const video = useRef<HTMLVideoElement>(null);
  const link = { expires: query.get("expires") ?? "", signature: query.get("signature") ?? "" };
  const { data, error, reload } = useLoaded(
    () => ask(api.GET("/api/v1/shared/{id}", { params: { path: { id }, query: link } })),
    [id, link.expires, link.signature],
  );
  return (
    <main class="shared stack">
      <h1 class="row">
        <img src={icon} alt="" width={28} height={28} /> Shared alert
      </h1>
      {error && <Failure error={error} retry={reload} />}
      {!data && !error && <Loading />}
      {data && (
        <>
          <p>
            Somebody at {data.alert.camera}, <When time={data.alert.opened_at} />
          </p>
          {data.clips.length > 0 ? (
            <Player clips={data.clips} camera={data.alert.camera} tracks={[]} source={(clip) => local(clip.url)} video={video} />
          ) : (
            <Shot alert={data.alert} size={480} />
          )}
        </>
      )}
    </main>
  );
}
