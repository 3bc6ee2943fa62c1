import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { useLoaded } from "../../loaded.ts";
import { When } from "../../ui/time.tsx";
import { Table } from "../../ui/table.tsx";
import { Dialog, Failure, Loading, toast } from "../../ui/ui.tsx";

/** Tokens are who may ask what. */
export function Tokens() {
  const { data, error, reload } = useLoaded(() => ask(api.GET("/api/v1/tokens")), []);
  const [making, setMaking] = useState(false);
  if (error) return <Failure error={error} retry={reload} />;
  if (!data) return <Loading />;
  const revoke = async (t: Schema["Token"]) => {
    try {
      await ask(api.DELETE("/api/v1/tokens/{id}", { params: { path: { id: t.id } } }));
      toast(`${t.name} is revoked, and logged out`);
      reload();
    } catch (e) {
      toast((e as Error).message, "bad");
    }
  };
  return (
    <>
      <div class="row">
        <button type="button" class="main" onClick={() => setMaking(true)}>
          New token
        </button>
        <p class="hint">Beside these there is the admin token of the first start.</p>
      </div>
      {data.tokens.length > 0 && (
        <Table head={["Token", "Role", "Cameras", "Made", "Do"]}>
          {data.tokens.map((t) => (
            <tr key={t.id}>
              <th scope="row">{t.name}</th>
              <td>{t.role}</td>
              <td>{t.cameras.join(", ") || "all"}</td>
              <td>
                <When time={t.created} />, {t.created_by}
              </td>
              <td>
                <button type="button" onClick={() => revoke(t)} aria-label={`Revoke ${t.name}`}>
                  Revoke
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {making && (
        <NewToken
          close={() => {
            setMaking(false);
            reload();
          }}
        />
      )}
    </>
  );
}

function NewToken({ close }: { close: () => void }) {
  const cameras = useLoaded(() => ask(api.GET("/api/v1/cameras")), []);
  const [name, setName] = useState("");
  const [role, setRole] = useState<Schema["Role"]>("viewer");
  const [only, setOnly] = useState<string[]>([]);
  const [made, setMade] = useState<Schema["NewToken"]>();
  const [error, setError] = useState("");
  const make = async (e: SubmitEvent) => {
    e.preventDefault();
    try {
      setMade(await ask(api.POST("/api/v1/tokens", { body: { name, role, cameras: role === "viewer" ? only : [] } })));
    } catch (e) {
      setError((e as Error).message);
    }
  };
  if (made) {
    return (
      <Dialog title={`Token ${made.token.name}`} close={close}>
        <label for="secret">It is shown this once</label>
        <input id="secret" readOnly value={made.secret} onFocus={(e) => e.currentTarget.select()} />
        <button type="button" class="main" onClick={close}>
          I have kept it
        </button>
      </Dialog>
    );
  }
  return (
    <Dialog title="New token" close={close}>
      <form class="stack" onSubmit={make}>
        <label for="token-name">What it is for</label>
        <input id="token-name" value={name} required maxLength={100} onInput={(e) => setName(e.currentTarget.value)} />
        <label for="token-role">Role</label>
        <select id="token-role" value={role} onChange={(e) => setRole(e.currentTarget.value as Schema["Role"])}>
          <option value="viewer">viewer: looks</option>
          <option value="operator">operator: reviews, names and enrols too</option>
          <option value="admin">admin: everything</option>
        </select>
        {role === "viewer" && cameras.data && cameras.data.cameras.length > 0 && (
          <fieldset>
            <legend>Only these cameras; none means all</legend>
            {cameras.data.cameras.map((c) => (
              <label key={c.camera} class="pick">
                <input
                  type="checkbox"
                  checked={only.includes(c.camera)}
                  onChange={(e) => setOnly(e.currentTarget.checked ? [...only, c.camera] : only.filter((o) => o !== c.camera))}
                />
                {c.camera}
              </label>
            ))}
          </fieldset>
        )}
        <p class="error" role="alert">
          {error}
        </p>
        <button type="submit" class="main">
          Make it
        </button>
      </form>
    </Dialog>
  );
}
