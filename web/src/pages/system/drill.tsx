import { useState } from "preact/hooks";
import { api, ask, type Schema } from "../../api.ts";
import { State } from "../../ui/ui.tsx";

/** Drill proves at a click that a stranger raises an alert on this machine. */
export function Drill() {
  const [running, setRunning] = useState(false);
  const [done, setDone] = useState<Schema["Drill"]>();
  const [error, setError] = useState("");
  const run = async () => {
    setRunning(true);
    setDone(undefined);
    setError("");
    try {
      setDone(await ask(api.POST("/api/v1/drill")));
    } catch (e) {
      setError((e as Error).message);
    }
    setRunning(false);
  };
  return (
    <section class="stack">
      <h2>Drill</h2>
      <p class="hint">
        A private Vigil beside this one is shown a drawn stranger: does the alert come, signed, with a clip that plays? It takes up to a minute and touches
        nothing of yours.
      </p>
      <p>
        <button type="button" onClick={run} disabled={running}>
          {running ? "A stranger is at the door…" : "Run a drill"}
        </button>
      </p>
      <div role="status">
        {done && <State kind={done.passed ? "good" : "bad"}>{done.passed ? "Passed" : `Failed: ${done.problem}`}</State>}
        {done && (
          <ol>
            {done.steps.map((s) => (
              <li key={s.step}>
                {s.step} <span class="soft">after {s.after_seconds.toFixed(1)} s</span>
              </li>
            ))}
          </ol>
        )}
      </div>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
    </section>
  );
}
