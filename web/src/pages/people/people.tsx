import { useTitle } from "../../ui/ui.tsx";

export default function People() {
  useTitle("People");
  return <h1>People</h1>;
}
