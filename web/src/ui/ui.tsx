// What pages are made of.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** useTitle names the page for the tab, and for who listens. */
export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Vigil`;
  }, [title]);
}

export function Loading() {
  return (
    <p class="loading" role="status">
      Loading …
    </p>
  );
}

export function Failure({ error, retry }: { error: Error; retry?: (() => void) | undefined }) {
  return (
    <div class="failure" role="alert">
      <p>{error.message}</p>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Nothing says that there is nothing, and what to do about it. */
export function Nothing({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Dialog is one that the browser keeps the focus in. It is open while it is rendered. */
export function Dialog(props: { title: string; close: () => void; wide?: boolean; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const outside = (e: MouseEvent) => e.target === dialog.current && props.close();
  return (
    <dialog
      ref={dialog}
      class={props.wide ? "wide" : undefined}
      aria-label={props.title}
      onClick={outside}
      onCancel={(e) => {
        e.preventDefault();
        props.close();
      }}
    >
      <div class="inside">
        <header>
          <h2>{props.title}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={props.close}>
            ✕
          </button>
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

interface Toast {
  id: number;
  text: string;
  kind: "good" | "bad";
  action: { label: string; run: () => void } | undefined;
}

const toasts = signal<Toast[]>([]);
let last = 0;

const toastTime = 8000;

/** toast says that something was done, or went wrong, and offers one thing to do about it. */
export function toast(text: string, kind: "good" | "bad" = "good", action?: { label: string; run: () => void }) {
  const id = ++last;
  toasts.value = [...toasts.value, { id, text, kind, action }];
  setTimeout(() => dismiss(id), toastTime);
}

function dismiss(id: number) {
  toasts.value = toasts.value.filter((t) => t.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div key={t.id} class={`toast ${t.kind}`}>
          <span>{t.text}</span>
          {t.action && (
            <button
              type="button"
              onClick={() => {
                dismiss(t.id);
                t.action!.run();
              }}
            >
              {t.action.label}
            </button>
          )}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(t.id)}>
            ✕
          </button>
        </div>
      ))}
    </div>
  );
}

/** State is a word with a mark beside it, which is not told by its colour alone. */
export function State({ kind, children }: { kind: "good" | "warn" | "bad" | "none"; children: ComponentChildren }) {
  return <span class={`state ${kind}`}>{children}</span>;
}
