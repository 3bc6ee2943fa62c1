import { useTitle } from "../../ui/ui.tsx";

export default function Search() {
  useTitle("Search");
  return <h1>Search</h1>;
}
