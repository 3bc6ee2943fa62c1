import { api, ask } from "../../api.ts";
import { useEvery, useLoaded } from "../../loaded.ts";
import { route, to } from "../../route.ts";
import { may } from "../../session.ts";
import { isSet, spanOf, When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Failure, Loading, State, useTitle } from "../../ui/ui.tsx";
import { Audit, Configuration } from "./admin.tsx";
import { Dead } from "./dead.tsx";
import { Drill } from "./drill.tsx";
import { Endpoints } from "./endpoints.tsx";
import { Rules } from "./rules.tsx";
import { Tokens } from "./tokens.tsx";
import "./system.css";

const parts = [
  { name: "health", label: "Health", role: "viewer", page: Health },
  { name: "endpoints", label: "Endpoints", role: "viewer", page: Endpoints },
  { name: "dead", label: "Dead letters", role: "viewer", page: Dead },
  { name: "rules", label: "Rules", role: "viewer", page: Rules },
  { name: "storage", label: "Storage", role: "viewer", page: Storage },
  { name: "tokens", label: "Tokens", role: "admin", page: Tokens },
  { name: "audit", label: "Audit log", role: "admin", page: Audit },
  { name: "configuration", label: "Configuration", role: "admin", page: Configuration },
] as const;

export default function System() {
  useTitle("System");
  const shown = parts.filter((p) => may(p.role));
  const now = shown.find((p) => p.name === route.value.parts[1]) ?? shown[0]!;
  const Page = now.page;
  return (
    <div class="stack">
      <h1>System</h1>
      <nav class="tabs" aria-label="System">
        {shown.map((p) => (
          <a key={p.name} href={to(["system", p.name])} aria-current={p === now ? "page" : undefined}>
            {p.label}
          </a>
        ))}
      </nav>
      <Page />
    </div>
  );
}

const look = 10_000;

function Health() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/system")), []);
  const cameras = useLoaded(() => ask(api.GET("/api/v1/cameras")), []);
  useEvery(() => {
    reload();
    cameras.reload();
  }, look);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  return (
    <>
      <p>
        <State kind={data.ready ? "good" : "bad"}>{data.ready ? "Everything works" : "Something fails"}</State> · version <code>{data.version}</code>
      </p>
      <Table head={["Part", "State"]}>
        {data.parts.map((p) => (
          <tr key={p.name}>
            <th scope="row">{p.name}</th>
            <td>
              <State kind={!p.ok ? "bad" : p.detail ? "warn" : "good"}>{p.detail || "works"}</State>
            </td>
          </tr>
        ))}
      </Table>
      {cameras.data && cameras.data.cameras.length > 0 && (
        <Table head={["Camera", "State", "Since", "Video"]}>
          {cameras.data.cameras.map((c) => (
            <tr key={c.camera}>
              <th scope="row">
                <a href={to(["live", c.camera])}>{c.camera}</a>
              </th>
              <td>
                <State kind={c.online ? "good" : "bad"}>{c.online ? "online" : c.last_error || "offline"}</State>
              </td>
              <td>
                <When time={c.since} />
              </td>
              <td>{c.codec && `${c.codec} ${c.width}×${c.height}, ${(c.bitrate / 1e6).toFixed(1)} Mbit/s, ${c.rate.toFixed(0)}/s`}</td>
            </tr>
          ))}
        </Table>
      )}
      {may("admin") && <Drill />}
    </>
  );
}

const sizeOf = (bytes: number) => (bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${(bytes / 1e6).toFixed(1)} MB`);

function Storage() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/retention")), []);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  return (
    <>
      <Table head={["Kind", "Kept", "Last run", "Deleted since the start", "Would go now"]}>
        {data.preview.map((p) => {
          const last = data.last.find((l) => l.kind === p.kind);
          return (
            <tr key={p.kind}>
              <th scope="row">{p.kind}</th>
              <td>{isSet(p.measured) ? `${p.kept}, ${sizeOf(p.kept_bytes)}` : "not measured: no limit of bytes"}</td>
              <td>
                {last && isSet(last.ran) ? <When time={last.ran} /> : "none yet"}
                {last?.error && <State kind="bad">{last.error}</State>}
              </td>
              <td>{last ? `${last.deleted}, ${sizeOf(last.deleted_bytes)}` : ""}</td>
              <td>
                {p.deleted - (last?.deleted ?? 0) || "nothing"}
                {isSet(p.due) && `, late by ${spanOf((Date.now() - Date.parse(p.due)) / 1000)}`}
              </td>
            </tr>
          );
        })}
      </Table>
      <p class="hint">How long things are kept is said under `retention` in the configuration.</p>
    </>
  );
}
