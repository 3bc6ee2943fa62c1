import { useTitle } from "../../ui/ui.tsx";

export default function Publish() {
  useTitle("Publish");
  return <h1>Publish</h1>;
}
