import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { useEvery, useLoaded } from "../../loaded.ts";
import { may } from "../../session.ts";
import { clockOf, When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Dialog, Failure, Loading, Nothing, State, toast } from "../../ui/ui.tsx";

const look = 5000;

/** Endpoints are the receivers of webhooks, what waits for them, and what came of it. */
export function Endpoints() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/endpoints")), []);
  const [shown, show] = useState<string>();
  useEvery(reload, look);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  if (data.endpoints.length === 0) {
    return (
      <Nothing title="No endpoint">
        <p>Alerts are shown here and sent nowhere, until the configuration names one under `endpoints`.</p>
      </Nothing>
    );
  }
  return (
    <>
      <Table head={["Endpoint", "State", "Waiting", "Last taken", "Do"]}>
        {data.endpoints.map((e) => (
          <Row key={e.id} endpoint={e} changed={reload} show={() => show(e.id)} />
        ))}
      </Table>
      {shown && <Deliveries id={shown} close={() => show(undefined)} />}
    </>
  );
}

const kinds = { enabled: "good", waiting: "warn", disabled: "bad" } as const;

function Row({ endpoint: e, changed, show }: { endpoint: Schema["Endpoint"]; changed: () => void; show: () => void }) {
  const params = { path: { id: e.id } };
  const act = async (what: Promise<unknown>, said: string) => {
    try {
      await what;
      toast(said);
      changed();
    } catch (error) {
      toast((error as Error).message, "bad");
    }
  };
  return (
    <tr>
      <th scope="row">
        {e.id} <span class="soft">{e.host}</span>
      </th>
      <td>
        <State kind={kinds[e.state]}>
          {e.state}
          {e.failures > 0 && `: ${e.failures} failed, ${e.reason || e.status}`}
        </State>
      </td>
      <td>{e.outstanding}</td>
      <td>{e.taken ? <When time={e.taken} /> : "nothing yet"}</td>
      <td class="row">
        <button type="button" onClick={show}>
          Deliveries
        </button>
        {may("admin") && (
          <>
            <button type="button" onClick={() => act(ask(api.POST("/api/v1/endpoints/{id}/test", { params })), `A test event is on its way to ${e.id}`)}>
              Test
            </button>
            {e.state === "disabled" && (
              <button type="button" onClick={() => act(ask(api.POST("/api/v1/endpoints/{id}/enable", { params })), `${e.id} is enabled`)}>
                Enable
              </button>
            )}
          </>
        )}
      </td>
    </tr>
  );
}

function Deliveries({ id, close }: { id: string; close: () => void }) {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/endpoints/{id}/deliveries", { params: { path: { id } } })), [id]);
  useEvery(reload, look);
  const states = { delivered: "good", waiting: "warn", "given up": "bad" } as const;
  return (
    <Dialog title={`Deliveries to ${id}`} close={close} wide>
      {error && <Failure error={error} retry={reload} />}
      {!data && !error && <Loading />}
      {data?.deliveries.length === 0 && <Nothing title="Nothing was sent yet" />}
      {data && data.deliveries.length > 0 && (
        <Table head={["Event", "State", "Attempts"]}>
          {data.deliveries.map((d) => (
            <tr key={d.webhook_id}>
              <th scope="row">
                {d.type} <span class="soft">{d.webhook_id}</span>
              </th>
              <td>
                <State kind={states[d.state]}>{d.state}</State>
              </td>
              <td>
                {d.attempts.map((a, i) => (
                  <div key={i}>
                    {clockOf(a.at)}, {a.status || a.reason}, {Math.round(a.seconds * 1000)} ms
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Dialog>
  );
}
