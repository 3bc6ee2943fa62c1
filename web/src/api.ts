// The API, as its OpenAPI document has it. Nothing else of the program is known to the page.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

export type Schema = components["schemas"];

export const api = createClient<paths>({
  baseUrl: "/",
  // A page that is open for days must not go on as if it were logged in.
  fetch: async (request) => {
    const response = await fetch(request);
    if (response.status === 401 && !request.url.endsWith("/api/v1/session")) lapsed();
    return response;
  },
});

let lapsed = () => {};

/** onLapse is called when a request is refused because the session is over. */
export function onLapse(f: () => void) {
  lapsed = f;
}

/** Problem is an error of the API (RFC 9457); its message is for people. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    detail: string,
  ) {
    super(detail);
  }
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** ask waits for an answer and returns what it holds, or throws a Problem. */
export async function ask<T>(answer: Promise<Answer<T>>): Promise<T> {
  let got: Answer<T>;
  try {
    got = await answer;
  } catch (e) {
    throw new Problem(0, e instanceof DOMException && e.name === "AbortError" ? "aborted" : "Vigil does not answer.");
  }
  if (!got.response.ok) {
    const problem = got.error as Partial<Schema["Problem"]> | undefined;
    throw new Problem(got.response.status, problem?.detail || `${got.response.status} ${got.response.statusText}`);
  }
  return got.data as T;
}

/** formOf is a request's body of photos. */
export function formOf(photos: File[]): FormData {
  const form = new FormData();
  for (const photo of photos) form.append("photo", photo);
  return form;
}

/** local is an address of the API's as the page may load it, wherever the console was opened. */
export function local(link: string): string {
  const url = new URL(link, location.href);
  return url.pathname + url.search;
}
