import { useTitle } from "../../ui/ui.tsx";

export default function Live() {
  useTitle("Live");
  return <h1>Live</h1>;
}
