import type { Page } from "@playwright/test";
import { accessible } from "./axe.ts";
import { expect, logIn, picture, test, type Vigil } from "./vigil.ts";

const alerts = (page: Page) => page.locator("li.alert");

/** strangerSeen shows a clip with a stranger, and waits until the alert and its clip are there. */
async function strangerSeen(page: Page, vigil: Vigil) {
  vigil.play("door", "solo");
  await expect(alerts(page).first()).toContainText("clip", { timeout: 45_000 });
}

test("an alert arrives without reloading, and its clip plays with the face marked", async ({ page, vigil }) => {
  await logIn(page, vigil);
  await expect(page.getByText("Nobody unknown was seen so far.")).toBeVisible();
  await page.evaluate(() => Object.assign(window, { reloaded: false }));
  await strangerSeen(page, vigil);
  expect(await page.evaluate(() => "reloaded" in window)).toBe(true);
  await expect(alerts(page).first()).toContainText("new");
  await accessible(page);
  await picture(page, "alerts");

  await alerts(page).first().getByRole("link").click();
  const dialog = page.getByRole("dialog");
  const video = dialog.locator("video");
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0.5);
  // The stranger walks in after the pre-roll: then the box is over the picture.
  await video.evaluate((v: HTMLVideoElement) => void (v.loop = true));
  const box = dialog.locator(".box").first();
  await expect(box).toBeVisible({ timeout: 20_000 });
  await video.evaluate((v: HTMLVideoElement) => v.pause());
  const [inner, outer] = [await box.boundingBox(), await dialog.locator(".screen").boundingBox()];
  expect(inner!.x).toBeGreaterThanOrEqual(outer!.x - 1);
  expect(inner!.y + inner!.height).toBeLessThanOrEqual(outer!.y + outer!.height + 1);
  await expect(dialog.locator(".why")).not.toBeEmpty();
  await accessible(page);
  await picture(page, "alert");

  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(alerts(page).first()).not.toContainText("new"); // it was seen
});

test("review: dismiss, note, share", async ({ page, vigil, browser }) => {
  await logIn(page, vigil);
  await strangerSeen(page, vigil);
  // The page says by itself that the alert was seen. That this comes late changes nothing of what is said meanwhile.
  let said = () => {};
  const somethingSaid = new Promise<void>((done) => (said = done));
  await page.route("**/review", async (route) => {
    if (route.request().postDataJSON().was === "new") await somethingSaid;
    await route.continue();
  });
  await alerts(page).first().getByRole("link").click();
  const dialog = page.getByRole("dialog").first();
  await expect(dialog.getByRole("button", { name: "Dismiss", exact: true })).toBeVisible();
  await page.keyboard.press("d");
  said();
  await expect(dialog.getByRole("button", { name: "Dismissed: take back" })).toBeVisible();
  await page.keyboard.press("d");
  await expect(dialog.getByRole("button", { name: "Dismiss", exact: true })).toBeVisible();

  const note = 'the <b>postman</b> & "his" dog 🐕';
  await dialog.getByRole("textbox", { name: "Note" }).fill(note);
  await dialog.getByRole("button", { name: "Add" }).click();
  await expect(dialog.getByText(note)).toBeVisible();

  await dialog.getByRole("button", { name: "Share" }).click();
  await page.getByRole("button", { name: "For an hour" }).click();
  const link = await page.getByLabel(/Opens without a login/).inputValue();
  const stranger = await (await browser.newContext()).newPage();
  await stranger.goto(link);
  const video = stranger.locator("video");
  await expect.poll(() => video.evaluate((v: HTMLVideoElement) => v.currentTime)).toBeGreaterThan(0.2);
  await expect(stranger.getByText("postman")).toHaveCount(0);
  await stranger.goto(link.replace(/signature=./, "signature=0"));
  await stranger.reload();
  await expect(stranger.getByRole("alert")).toContainText("expired or was changed");
});

test("naming a stranger enrols the pictures, and can be taken back", async ({ page, vigil }) => {
  await logIn(page, vigil);
  await strangerSeen(page, vigil);
  await alerts(page).first().getByRole("link").click();
  const dialog = page.getByRole("dialog");
  await page.keyboard.press("n");
  await page.keyboard.type("Zoë");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status").filter({ hasText: "This is Zoë, in 1 alert" })).toBeVisible();
  await expect(dialog.getByRole("heading", { level: 2 })).toContainText("Zoë");
  await expect(dialog.locator(".verdicts li").first()).toContainText(/Used/);
  await accessible(page);
  await dialog.getByRole("button", { name: "Undo" }).click();
  await expect(dialog.getByRole("heading", { level: 2 })).toContainText("Stranger");
  const people = (await (await vigil.fetch("/api/v1/people")).json()) as { people: unknown[] };
  expect(people.people).toEqual([]);
});

const models = process.env["VIGIL_MODELS_DIR"];

test.describe("with face networks", () => {
  test.skip(!models, "VIGIL_MODELS_DIR names no networks: the simple engine tells few people apart");
  test.use({ config: `models: { dir: ${JSON.stringify(models)} }` });

  test("who was named does not alarm on the next pass", async ({ page, vigil }) => {
    await logIn(page, vigil);
    await strangerSeen(page, vigil);
    await alerts(page).first().getByRole("link").click();
    await page.getByRole("dialog").getByLabel("This is").fill("Zoë");
    await page.keyboard.press("Enter");
    await expect(page.getByRole("status").filter({ hasText: "This is Zoë" })).toBeVisible();
    await page.keyboard.press("Escape");
    await expect(alerts(page)).toHaveCount(1);
    const sightings = async () => {
      const { cameras } = (await (await vigil.fetch("/api/v1/cameras")).json()) as { cameras: { online: boolean }[] };
      return cameras.every((c) => !c.online);
    };
    await expect.poll(sightings, { timeout: 30_000 }).toBe(true);
    vigil.play("yard", "solo");
    await expect.poll(sightings, { timeout: 10_000 }).toBe(false);
    await expect.poll(sightings, { timeout: 40_000 }).toBe(true); // the second pass is over
    await expect(alerts(page)).toHaveCount(1);
  });
});

test("a viewer changes nothing", async ({ page, vigil }) => {
  await logIn(page, vigil, "", await vigil.newToken("viewer"));
  await strangerSeen(page, vigil);
  await alerts(page).first().getByRole("link").click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.locator("video")).toBeVisible();
  for (const name of ["Dismiss", "Share", "Name", "Add"]) {
    await expect(dialog.getByRole("button", { name, exact: true })).toHaveCount(0);
  }
  await page.keyboard.press("d");
  await page.keyboard.press("Escape");
  await expect(alerts(page).first()).toContainText("new");
});

/** many answers as a house of so many alerts does. */
function many(total: number) {
  const start = Date.UTC(2026, 10, 20);
  const alert = (n: number) => ({
    alert: {
      id: `01J${String(total - n).padStart(23, "0")}`, camera: `camera-${n % 7}`, opened_at: new Date(start - n * 61_000).toISOString(),
      closed_at: null, corrected_at: null, rule: "strangers", decision: "unknown", stranger: `s-${n}`, visits: 1, score: 0.2, nearest: null,
      best_shot_url: "", console_url: "",
    },
    clip: null, clips: [], clip_deleted: false,
    review: { state: n % 3 ? "seen" : "new", by: "", at: null, notes: [], naming: null },
  });
  return (from: number, limit: number) => ({
    alerts: Array.from({ length: Math.min(limit, total - from) }, (_, i) => alert(from + i)),
    next: from + limit < total ? String(from + limit) : "",
  });
}

test("ten thousand alerts scroll without stutter", async ({ page, vigil }) => {
  test.setTimeout(180_000);
  const answer = many(10_000);
  await page.route("**/api/v1/alerts?*", (route) => {
    const query = new URL(route.request().url()).searchParams;
    return route.fulfill({ json: answer(Number(query.get("cursor") ?? 0), Number(query.get("limit"))) });
  });
  await logIn(page, vigil);
  await expect(alerts(page).first()).toBeVisible();
  const oldest = `[data-alert="01J${"1".padStart(23, "0")}"]`;
  const down = await page.evaluate(async (oldest) => {
    const times: number[] = [];
    let last = performance.now();
    while (!document.querySelector(oldest)) {
      scrollBy(0, 2500);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times;
  }, oldest);
  expect(await alerts(page).count()).toBeLessThan(200); // of those in view alone
  const back = await page.evaluate(async () => {
    const times: number[] = [];
    let last = performance.now();
    for (let i = 0; i < 200; i++) {
      scrollBy(0, -300);
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times;
  });
  const told = (times: number[]) => {
    times.sort((a, b) => a - b);
    const at = (part: number) => Math.round(times[Math.min(times.length - 1, Math.floor(times.length * part))]!);
    return `${times.length} pictures, median ${at(0.5)} ms, 95 % ${at(0.95)} ms, longest ${at(1)} ms`;
  };
  // How fast a machine draws is no matter of a test: it is told.
  console.log(`down, while they load: ${told(down)}; back up: ${told(back)}`);
});
