import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Failure, Loading, State, toast } from "../../ui/ui.tsx";

/** Audit is what people and programs did. */
export function Audit() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/audit")), []);
  const check = useLoaded(() => ask(api.GET("/api/v1/audit/check")), []);
  const [older, setOlder] = useState<Schema["AuditPage"]>();
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  const entries = [...data.entries, ...(older?.entries ?? [])];
  const next = older ? older.next : data.next;
  const more = async () => {
    try {
      const page = await ask(api.GET("/api/v1/audit", { params: { query: { cursor: next } } }));
      setOlder({ entries: [...(older?.entries ?? []), ...page.entries], next: page.next });
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <>
      {check.data && (
        <p>
          <State kind={check.data.broken.length > 0 ? "bad" : "good"}>
            {check.data.broken.join("; ") || `${check.data.entries} entries, as they were written`}
          </State>
        </p>
      )}
      <Table head={["At", "Who", "Did", "Of", "Answer"]}>
        {entries.map((e) => (
          <tr key={e.seq}>
            <td>
              <When time={e.at} />
            </td>
            <th scope="row">
              {e.by || "nobody known"} <span class="soft">{e.from}</span>
            </th>
            <td>
              <code>{e.action}</code>
            </td>
            <td>{e.object}</td>
            <td>{e.status}</td>
          </tr>
        ))}
      </Table>
      {next && (
        <button type="button" onClick={more}>
          Older
        </button>
      )}
    </>
  );
}

/** Configuration is the one of the process that serves the console. */
export function Configuration() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/config")), []);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  return (
    <>
      <p class="hint">With defaults and the environment, without secrets.</p>
      <pre tabIndex={0} aria-label="Configuration">
        {JSON.stringify(data, null, 2)}
      </pre>
    </>
  );
}
