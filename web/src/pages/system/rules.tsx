import { api, ask, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { isSet, spanOf, When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Failure, Loading, State } from "../../ui/ui.tsx";

const or = (list: string[], none: string) => list.join(", ") || none;

/** Rules are what raises alerts, the most important first. */
export function Rules() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/rules")), []);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  return (
    <>
      <Table head={["Rule", "About", "Where", "When", "Told", "Raised"]}>
        {data.rules.map((r) => (
          <tr key={r.name}>
            <th scope="row">{r.name}</th>
            <td>
              {or([...r.who, ...r.people, ...r.groups.map((g) => `group ${g}`)], "everybody")}
              {r.missing.length > 0 && <State kind="warn">nobody is enrolled as {r.missing.join(", ")}</State>}
            </td>
            <td>
              {or(r.cameras, "all cameras")}
              {r.zones.length > 0 && `, zones ${r.zones.join(", ")}`}
            </td>
            <td>
              <State kind={r.active ? "good" : "none"}>{scheduleOf(r)}</State>
              {r.cooldown_seconds > 0 && `, not again within ${spanOf(r.cooldown_seconds)}`}
            </td>
            <td>{or(r.endpoints, "all endpoints")}</td>
            <td>
              {r.raised}
              {r.held > 0 && `, ${r.held} held back`}
              {isSet(r.last) && (
                <>
                  , last <When time={r.last} />
                </>
              )}
            </td>
          </tr>
        ))}
      </Table>
      <p class="hint">Rules are in the configuration; they change while Vigil runs.</p>
    </>
  );
}

function scheduleOf(r: Schema["Rule"]): string {
  if (r.schedule.length === 0) return "always";
  const windows = r.schedule.map((w) => `${w.days.join(", ") || "every day"} ${w.from || "00:00"}–${w.to || "24:00"}`);
  return windows.join("; ") + (r.time_zone && ` (${r.time_zone})`);
}
