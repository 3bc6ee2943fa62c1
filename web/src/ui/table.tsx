import type { ComponentChildren } from "preact";
import "./table.css";

/** Table scrolls by itself where it is too wide. */
export function Table({ head, children }: { head: string[]; children: ComponentChildren }) {
  return (
    <div class="table" tabIndex={0} role="region" aria-label={head.join(", ")}>
      <table>
        <thead>
          <tr>
            {head.map((h) => (
              <th key={h} scope="col">
                {h}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
