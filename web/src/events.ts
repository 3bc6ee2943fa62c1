// What is new, as the server sends it.
import { effect, signal } from "@preact/signals";
import type { Schema } from "./api.ts";
import { session } from "./session.ts";

/** Event is what webhooks carry too. */
export interface Event {
  type: string;
  timestamp: string;
  data: { alert?: Schema["Alert"]; clip?: Schema["Clip"]; camera?: Pick<Schema["Camera"], "camera"> };
}

const types = [
  "alert.opened",
  "alert.clip_ready",
  "alert.clip_failed",
  "alert.closed",
  "alert.corrected",
  "camera.offline",
  "camera.online",
];

type Listener = (event: Event) => void;

const listeners = new Set<Listener>();

/** connected says whether what is new is heard of. */
export const connected = signal(true);

/** onEvent calls f for each event until the function that it returns is called. */
export function onEvent(f: Listener): () => void {
  listeners.add(f);
  return () => listeners.delete(f);
}

// The browser connects again by itself, from the event after the last one on.
effect(() => {
  if (!session.value) return;
  const source = new EventSource("/api/v1/events");
  source.onopen = () => (connected.value = true);
  source.onerror = () => (connected.value = false);
  for (const type of types) {
    source.addEventListener(type, (message) => {
      const event = JSON.parse(message.data) as Event;
      for (const f of listeners) f(event);
    });
  }
  return () => source.close();
});
