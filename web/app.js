// The console: everything it shows comes from /api/v1.

const $ = (id) => document.getElementById(id);
const alerts = new Map(); // by id
let next = ""; // the cursor of older alerts
let stream = null;

function make(tag, props = {}, ...children) {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...children);
  return element;
}

async function call(path, options) {
  const response = await fetch("/api/v1/" + path, options);
  if (response.status === 401) {
    showLogin();
    throw new Error("not logged in");
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail || response.statusText);
  }
  return response.status === 204 ? null : response.json();
}

// Media links in events are absolute, for receivers; here the same path serves.
function local(link) {
  if (!link) return "";
  const url = new URL(link, location.href);
  return url.pathname + url.search;
}

const when = (time) => new Date(time).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
const short = (time) => new Date(time).toLocaleTimeString();

function bits(rate) {
  return rate >= 1e6 ? (rate / 1e6).toFixed(1) + " Mbit/s" : Math.round(rate / 1e3) + " kbit/s";
}

async function loadCameras() {
  const { cameras } = await call("cameras");
  const list = $("cameras");
  list.replaceChildren(...cameras.map(cameraCard));
  if (!cameras.length) list.append(make("li", { className: "empty", textContent: "No camera has been seen yet." }));
}

function cameraCard(camera) {
  const facts = camera.online
    ? `${camera.source} · ${camera.codec || "waiting for a key frame"} ${camera.width}×${camera.height} · ${camera.rate.toFixed(0)}/s · ${bits(camera.bitrate)}${camera.gop ? ` · key frame every ${camera.gop.toFixed(1)} s` : ""}${camera.lost ? ` · ${camera.lost} packets lost` : ""}`
    : `offline since ${when(camera.since)}`;
  const card = make("li", { className: "card camera" + (camera.online ? " online" : "") },
    make("strong", { textContent: camera.camera }), make("p", { textContent: facts }));
  if (!camera.online && camera.last_error) card.append(make("p", { textContent: camera.last_error }));
  return card;
}

function nearest(alert) {
  const verb = alert.corrected_at ? "was" : alert.decision === "known" ? "is" : "nearest:";
  if (alert.decision === "undecided" && !alert.nearest) return "never clear enough";
  return alert.nearest ? `${verb} ${alert.nearest.person} (${alert.nearest.score.toFixed(2)})` : "nobody is enrolled";
}

function title(alert) {
  const who = alert.corrected_at ? "No stranger" : alert.decision === "known" ? alert.nearest.person : alert.decision === "undecided" ? "Somebody" : "Stranger";
  return `${who} at ${alert.camera}`;
}

function alertCard({ alert, clip, clips, clip_deleted: deleted }) {
  const shot = make("img", { className: "shot", alt: "", loading: "lazy" });
  if (alert.best_shot_url) shot.src = local(alert.best_shot_url);
  const state = deleted ? "clip deleted" : clips.length > 1 ? `${clips.length} clips ready` : clip ? "clip ready" : alert.closed_at ? "no clip" : "recording…";
  const button = make("button", { type: "button", className: "card alert" + (alert.corrected_at ? " corrected" : "") }, shot,
    make("span", { className: "words" }, make("strong", { textContent: title(alert) }),
      make("span", { textContent: when(alert.opened_at) }), make("span", { textContent: nearest(alert) }),
      make("span", { className: "state", textContent: state })));
  button.addEventListener("click", () => { location.hash = "#/alerts/" + alert.id; });
  return make("li", {}, button);
}

function drawAlerts() {
  const sorted = [...alerts.values()].sort((a, b) => (a.alert.id < b.alert.id ? 1 : -1));
  $("alerts").replaceChildren(...sorted.map(alertCard));
  if (!sorted.length) $("alerts").append(make("li", { className: "empty", textContent: "No stranger has been seen." }));
}

async function loadAlerts(cursor = "") {
  const page = await call("alerts?limit=50" + (cursor ? "&cursor=" + encodeURIComponent(cursor) : ""));
  for (const view of page.alerts) alerts.set(view.alert.id, view);
  next = page.next;
  $("more").hidden = !next;
  drawAlerts();
}

async function showDetail() {
  const [, id] = location.hash.match(/^#\/alerts\/(.+)$/) || [];
  const dialog = $("detail");
  if (!id) {
    dialog.close();
    return;
  }
  try {
    drawDetail(alerts.get(id) || await call("alerts/" + id));
  } catch (error) {
    drawMissing(id, error);
  }
  if (!dialog.open && !$("console").hidden) dialog.showModal();
}

function drawMissing(id, error) {
  $("detail").dataset.alert = id;
  $("detail-title").textContent = "This alert cannot be shown";
  $("detail-media").replaceChildren();
  $("detail-facts").replaceChildren(make("dt", { textContent: id }), make("dd", { textContent: error.message }));
}

function media(alert, clips, deleted) {
  const videos = clips.filter((clip) => clip.url).map((clip, i) =>
    make("video", { src: local(clip.url), controls: true, autoplay: i === 0, muted: true, playsInline: true, preload: i === 0 ? "auto" : "none", poster: i === 0 ? local(alert.best_shot_url) : "" }));
  const shot = !videos.length && alert.best_shot_url ? [make("img", { src: local(alert.best_shot_url), alt: "best picture of the stranger" })] : [];
  const gone = deleted ? [make("p", { className: "empty", textContent: "The clip was deleted: it was older than clips are kept." })] : [];
  return [...shot, ...gone, ...videos];
}

function drawDetail({ alert, clips, clip_deleted: deleted }) {
  $("detail").dataset.alert = alert.id;
  $("detail").dataset.clips = names(clips);
  $("detail").dataset.corrected = alert.corrected_at || "";
  $("detail-title").textContent = `${title(alert)}, ${when(alert.opened_at)}`;
  $("detail-media").replaceChildren(...media(alert, clips, deleted));
  const facts = [["Alert", alert.id], ["Stranger", alert.stranger], ["Rule", alert.rule], ["Decided", `${alert.decision}, ${nearest(alert)}`],
    ...(alert.corrected_at ? [["Corrected", when(alert.corrected_at)]] : []),
    ["Left", alert.closed_at ? when(alert.closed_at) : "still here, or a moment ago"]];
  for (const clip of clips) {
    facts.push([clips.length > 1 ? `Clip ${clip.piece}` : "Clip", `${short(clip.start)} to ${short(clip.end)}, ${clip.codec} ${clip.width}×${clip.height}, ${(clip.bytes / 1e6).toFixed(1)} MB`]);
    facts.push(["SHA-256", clip.sha256]);
    for (const gap of clip.gaps || []) facts.push(["Gap", `${short(gap.from)} to ${short(gap.to)}: ${gap.reason}`]);
  }
  $("detail-facts").replaceChildren(...facts.flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", { textContent: value })]));
}

function names(clips) {
  return clips.map((clip) => clip.key).join(" ");
}

// An event tells one clip at most, the view has all of them: an event's is put where it belongs.
function viewOf(data, before) {
  const clips = (before?.clips || []).filter((clip) => clip.piece !== data.clip?.piece);
  if (data.clip) clips.push(data.clip);
  clips.sort((a, b) => a.piece - b.piece);
  const clip = clips.find((clip) => clip.piece === 1) || null;
  return { alert: data.alert, clip, clips, clip_deleted: Boolean(clip && !clip.url) };
}

async function loadHealth() {
  const system = await call("system");
  const shown = system.parts.filter((part) => !part.ok || part.detail);
  const health = $("health");
  health.className = system.ready ? (shown.length ? "notice" : "") : "bad";
  health.textContent = shown.length ? shown.map((part) => `${part.name}: ${part.detail}`).join(" · ") : "All parts work";
}

function follow() {
  stream?.close();
  stream = new EventSource("/api/v1/events");
  const take = (message) => {
    const { data } = JSON.parse(message.data);
    const before = alerts.get(data.alert.id);
    const view = viewOf(data, before);
    alerts.set(data.alert.id, view);
    drawAlerts();
    const dialog = $("detail");
    // A video that plays is drawn again only for what is new in it.
    const fresh = dialog.dataset.clips !== names(view.clips) || dialog.dataset.corrected !== (view.alert.corrected_at || "");
    if (dialog.open && dialog.dataset.alert === data.alert.id && fresh) drawDetail(view);
  };
  for (const type of ["alert.opened", "alert.clip_ready", "alert.corrected", "alert.closed"]) stream.addEventListener(type, take);
  // What happened while the connection was away is in the list.
  stream.addEventListener("open", () => loadAlerts().catch(() => {}));
}

function showLogin() {
  stream?.close();
  $("console").hidden = true;
  $("logout").hidden = true;
  $("login").hidden = false;
  $("token").focus();
}

async function start() {
  await loadHealth();
  $("login").hidden = true;
  $("console").hidden = false;
  $("logout").hidden = false;
  await Promise.all([loadCameras(), loadAlerts()]);
  follow();
  await showDetail();
}

$("login-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("login-error").textContent = "";
  const response = await fetch("/api/v1/session", { method: "POST", body: JSON.stringify({ token: $("token").value }) });
  if (!response.ok) {
    $("login-error").textContent = (await response.json()).detail;
    return;
  }
  $("token").value = "";
  await start();
});
$("logout").addEventListener("click", async () => {
  await fetch("/api/v1/session", { method: "DELETE" });
  showLogin();
});
$("more").addEventListener("click", () => loadAlerts(next));
$("detail-close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("close", () => {
  $("detail-media").replaceChildren();
  if (location.hash) history.replaceState(null, "", location.pathname);
});
addEventListener("hashchange", showDetail);
setInterval(() => {
  if (!$("console").hidden) Promise.all([loadCameras(), loadHealth()]).catch(() => {});
}, 3000);

start().catch(() => {});
