// Where the page is: a path behind the address's #, so that links in webhooks need nothing of the server, and what a
// shared link holds stays out of its log.
import { signal } from "@preact/signals";

export interface Route {
  /** parts of the path, decoded: #/alerts/01J is ["alerts", "01J"]. */
  parts: string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  return { parts: path.split("/").filter(Boolean).map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = signal<Route>(read());

addEventListener("hashchange", () => {
  route.value = read();
});

/** to is the address of a place in the page. */
export function to(parts: string[], query: Record<string, string | undefined> = {}): string {
  const set = Object.entries(query).filter((e): e is [string, string] => Boolean(e[1]));
  const search = new URLSearchParams(set).toString();
  return "#/" + parts.map(encodeURIComponent).join("/") + (search && "?" + search);
}

/** go goes there; with replace, the way back does not lead here. */
export function go(address: string, replace = false) {
  if (replace) {
    history.replaceState(null, "", address);
    route.value = read();
  } else {
    location.hash = address;
  }
}
