// Who is logged in, and what they may do.
import { signal } from "@preact/signals";
import { api, ask, onLapse, Problem, type Schema } from "./api.ts";

/** session is undefined until it is known, and null when nobody is logged in. */
export const session = signal<Schema["Session"] | null | undefined>(undefined);

onLapse(() => {
  session.value = null;
});

export async function loadSession() {
  try {
    session.value = await ask(api.GET("/api/v1/session"));
  } catch (e) {
    if (!(e instanceof Problem) || e.status !== 401) throw e;
    session.value = null;
  }
}

export async function logIn(token: string) {
  session.value = await ask(api.POST("/api/v1/session", { body: { token } }));
}

export async function logOut() {
  await ask(api.DELETE("/api/v1/session"));
  session.value = null;
}

const ranks = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ranks)[number];

/** may says whether whoever is logged in has the role, or a higher one. The server decides in the end. */
export function may(role: Role): boolean {
  const own = session.value?.role;
  return own !== undefined && ranks.indexOf(own) >= ranks.indexOf(role);
}

/** sees says whether whoever is logged in may see all cameras. */
export function seesAll(): boolean {
  return session.value?.cameras.length === 0;
}
