import type { ComponentType } from "preact";
import { lazy, Suspense } from "preact/compat";
import { useEffect } from "preact/hooks";
import { connected } from "./events.ts";
import icon from "./icon.svg";
import { Login } from "./pages/login.tsx";
import { route, to } from "./route.ts";
import { loadSession, logOut, may, type Role, seesAll, session } from "./session.ts";
import { useLoaded } from "./loaded.ts";
import { Failure, Loading, Toasts, toast } from "./ui/ui.tsx";

interface Place {
  name: string;
  label: string;
  /** role that it wants, beyond seeing one's cameras. */
  role?: Role;
  page: ComponentType;
}

const alerts = lazy(() => import("./pages/alerts/alerts.tsx"));

// The first is where everybody begins.
const places: Place[] = [
  { name: "alerts", label: "Alerts", page: alerts },
  { name: "live", label: "Live", page: lazy(() => import("./pages/live/live.tsx")) },
  { name: "people", label: "People", role: "viewer", page: lazy(() => import("./pages/people/people.tsx")) },
  { name: "search", label: "Search", role: "operator", page: lazy(() => import("./pages/search/search.tsx")) },
  { name: "system", label: "System", role: "viewer", page: lazy(() => import("./pages/system/system.tsx")) },
];

const Shared = lazy(() => import("./pages/alerts/shared.tsx"));
const Publish = lazy(() => import("./pages/live/publish.tsx"));

const open = (p: Place) => p.role === undefined || (may(p.role) && (p.role !== "viewer" || seesAll()));

export function App() {
  const first = route.value.parts[0];
  if (first === "shared") return <Bare page={Shared} />; // wants no login: the link opens it
  if (first === "publish") return <Bare page={Publish} />; // nor this: the camera's token does
  return <Console />;
}

function Bare({ page: Page }: { page: ComponentType }) {
  return (
    <Suspense fallback={<Loading />}>
      <Page />
      <Toasts />
    </Suspense>
  );
}

function Console() {
  const loaded = useLoaded(loadSession, []);
  if (session.value === undefined) return loaded.error ? <Failure error={loaded.error} retry={loaded.reload} /> : <Loading />;
  if (session.value === null) return <Login />;
  const first = route.value.parts[0] ?? places[0]!.name;
  const place = places.find((p) => p.name === first);
  const Page = place && open(place) ? place.page : NotHere;
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to content
      </a>
      <Bar now={first} />
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<Loading />}>
          <Page />
        </Suspense>
      </main>
      <Toasts />
    </>
  );
}

function skip(e: Event) {
  e.preventDefault(); // the address's # is the route
  document.getElementById("main")?.focus();
}

function Bar({ now }: { now: string }) {
  const leave = () => logOut().catch((e: Error) => toast(e.message, "bad"));
  return (
    <header class="bar">
      <a class="brand" href={to([places[0]!.name])}>
        <img src={icon} alt="" width={26} height={26} />
        <span>Vigil</span>
      </a>
      <nav aria-label="Main">
        {places.filter(open).map((p) => (
          <a key={p.name} href={to([p.name])} aria-current={p.name === now ? "page" : undefined}>
            {p.label}
          </a>
        ))}
      </nav>
      <p class="link" role="status">
        {connected.value ? "" : "Connection lost, trying again"}
      </p>
      <button type="button" class="quiet" onClick={leave} title={`Logged in as ${session.value?.name}, ${session.value?.role}`}>
        Log out
      </button>
    </header>
  );
}

function NotHere() {
  useEffect(() => {
    document.title = "Not found · Vigil";
  }, []);
  return (
    <div class="empty">
      <h1>Not here</h1>
      <p>This page does not exist, or your token does not open it.</p>
      <a href={to([places[0]!.name])}>To the alerts</a>
    </div>
  );
}
