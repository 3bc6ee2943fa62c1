import { useState } from "preact/hooks";
import icon from "../icon.svg";
import { logIn } from "../session.ts";
import { useTitle } from "../ui/ui.tsx";

export function Login() {
  useTitle("Log in");
  const [error, setError] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (e: SubmitEvent) => {
    e.preventDefault();
    const field = (e.currentTarget as HTMLFormElement).elements.namedItem("token") as HTMLInputElement;
    setBusy(true);
    try {
      await logIn(field.value);
    } catch (e) {
      setError((e as Error).message);
      setBusy(false);
      field.select();
    }
  };
  return (
    <main class="login">
      <form class="card" onSubmit={submit}>
        <h1>
          <img src={icon} alt="" width={32} height={32} /> Vigil
        </h1>
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="current-password" required autofocus />
        <p class="hint">
          The admin token was printed when Vigil started for the first time. <code>vigil tokens create</code> makes others.
        </p>
        <button type="submit" class="main" disabled={busy}>
          Log in
        </button>
        <p class="error" role="alert">
          {error}
        </p>
      </form>
    </main>
  );
}
