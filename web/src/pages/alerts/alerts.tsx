import { useTitle } from "../../ui/ui.tsx";

export default function Alerts() {
  useTitle("Alerts");
  return <h1>Alerts</h1>;
}
