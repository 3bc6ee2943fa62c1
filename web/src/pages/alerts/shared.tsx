import { useTitle } from "../../ui/ui.tsx";

export default function Shared() {
  useTitle("Shared");
  return <h1>Shared</h1>;
}
