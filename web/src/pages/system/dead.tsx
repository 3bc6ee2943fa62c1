import { useState } from "preact/hooks";
import { api, ask } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { may } from "../../session.ts";
import { When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Dialog, Failure, Loading, Nothing, toast } from "../../ui/ui.tsx";

/** Dead is what was given up, and can be tried again. */
export function Dead() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/dlq")), []);
  const [shown, show] = useState<string>();
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  if (data.dead.length === 0) {
    return (
      <Nothing title="No dead letters">
        <p>Nothing was given up.</p>
      </Nothing>
    );
  }
  const replay = async (id: string) => {
    try {
      await ask(api.POST("/api/v1/dlq/{id}/replay", { params: { path: { id } } }));
      toast("Put back: it is tried again");
      reload();
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <>
      <Table head={["Since", "From", "Why", "Do"]}>
        {data.dead.map((d) => (
          <tr key={d.id}>
            <td>
              <When time={d.since} />
            </td>
            <td>
              {d.stream} / {d.consumer} <span class="soft">{d.message}</span>
            </td>
            <td>
              {d.reason}, after {d.deliveries}
            </td>
            <td class="row">
              {may("admin") && (
                <>
                  <button type="button" onClick={() => show(d.id)}>
                    Show
                  </button>
                  <button type="button" onClick={() => replay(d.id)}>
                    Replay
                  </button>
                </>
              )}
            </td>
          </tr>
        ))}
      </Table>
      {shown && <Letter id={shown} close={() => show(undefined)} />}
    </>
  );
}

function Letter({ id, close }: { id: string; close: () => void }) {
  const { data, error } = useLoaded(() => ask(api.GET("/api/v1/dlq/{id}", { params: { path: { id } } })), [id]);
  return (
    <Dialog title="Dead letter" close={close} wide>
      {error && <Failure error={error} />}
      {data && <pre tabIndex={0}>{JSON.stringify(data, null, 2)}</pre>}
    </Dialog>
  );
}
