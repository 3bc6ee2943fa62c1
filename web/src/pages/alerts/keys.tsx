import { useEffect, useRef } from "preact/hooks";
import { Dialog } from "../../ui/ui.tsx";

type Action = () => unknown;

/** useKeys does what a key stands for, unless somebody types. */
export function useKeys(actions: Record<string, Action>) {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      const target = e.target as HTMLElement;
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
      if (target.closest("input, textarea, select, [contenteditable]")) return;
      const action = latest.current[e.key];
      if (!action) return;
      // A button or link that has the focus is pressed by these itself; a video takes the space bar.
      if ((e.key === "Enter" || e.key === " ") && target.closest("button, a, summary, video")) return;
      e.preventDefault();
      action();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
}

const keys = [
  ["j / k", "next and previous alert"],
  ["Enter", "open the alert"],
  ["Escape", "back to the list"],
  ["Space", "play or pause the clip"],
  ["d", "dismiss, or take that back"],
  ["n", "say who it is"],
  ["1 – 9", "say that it is the suggested person of that number"],
  ["?", "this list"],
] as const;

export function Keys({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close}>
      <dl class="keys-list">
        {keys.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
