import { useTitle } from "../../ui/ui.tsx";

export default function System() {
  useTitle("System");
  return <h1>System</h1>;
}
