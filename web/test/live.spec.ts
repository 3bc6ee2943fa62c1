import type { Locator } from "@playwright/test";
import { accessible } from "./axe.ts";
import { expect, logIn, picture, test, Vigil } from "./vigil.ts";

const time = (video: Locator) => video.evaluate((v: HTMLVideoElement) => (v.videoWidth > 0 ? v.currentTime : 0));

test("cameras are shown live, without another coding", async ({ page, vigil }) => {
  vigil.play("door", "walk", { loop: true });
  vigil.play("yard", "solo", { loop: true });
  await logIn(page, vigil, "live");
  const door = page.locator("li.card").filter({ hasText: "door" });
  await expect(door.locator(".mode")).toHaveText("live", { timeout: 30_000 });
  const video = door.locator("video");
  await expect.poll(() => time(video)).toBeGreaterThan(1);
  const before = await time(video);
  await expect.poll(() => time(video)).toBeGreaterThan(before + 1);
  await expect(door).toContainText("h264 ");
  await accessible(page);
  await expect(door.locator(".box").first()).toContainText(/unknown|undecided/, { timeout: 30_000 });
  await expect(door).toContainText("In the picture: somebody");
  // The mark goes along with who walks.
  const place = () => door.locator(".box").evaluateAll((all) => (all[0] as HTMLElement | undefined)?.style.left ?? "");
  const first = await place();
  await expect.poll(async () => !["", first].includes(await place()), { timeout: 30_000, intervals: [100] }).toBe(true);
  await picture(page, "live");
  await door.getByRole("link", { name: "door" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "door" })).toBeVisible();
  await expect.poll(() => time(page.locator("video"))).toBeGreaterThan(0.5);
});

test("where live video does not work, pictures are shown", async ({ page, vigil }) => {
  vigil.play("door", "walk", { loop: true });
  await page.route("**/whep", (route) => route.abort());
  await logIn(page, vigil, "live");
  await expect(page.locator(".mode")).toHaveText("pictures", { timeout: 30_000 });
  await expect.poll(() => page.locator(".picture img").evaluate((i: HTMLImageElement) => i.naturalWidth)).toBeGreaterThan(100);
});

test("a camera is added by its address, after a look, and removed", async ({ page, vigil }) => {
  await logIn(page, vigil, "live");
  await page.getByRole("button", { name: "Add a camera" }).click();
  await page.getByLabel("Id", { exact: true }).fill("shed");
  await page.getByLabel("Address").fill("rtsp://127.0.0.1:9/none");
  await page.getByRole("button", { name: "Try it" }).click();
  await expect(page.getByRole("dialog").getByRole("status")).toContainText("refused", { timeout: 30_000 });
  await accessible(page);
  await picture(page, "add-camera");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const shed = page.locator("li.card").filter({ hasText: "shed" });
  await expect(shed).toContainText("offline");
  await expect(shed).toContainText("refused", { timeout: 20_000 });

  await page.getByRole("button", { name: "Add a camera" }).click();
  await page.getByLabel("Id", { exact: true }).fill("shed");
  await page.getByLabel("Address").fill("rtsp://127.0.0.1:9/none");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await expect(page.getByRole("dialog").getByRole("alert")).toContainText("camera shed is there already");
  await page.keyboard.press("Escape");

  await page.getByRole("button", { name: "Remove shed" }).click();
  await page.getByRole("button", { name: "Remove it" }).click();
  await expect(shed).toHaveCount(0);
});

test("this browser becomes a camera, and stops", async ({ page, vigil, context }) => {
  await context.grantPermissions(["camera", "microphone"]);
  await logIn(page, vigil, "live");
  await page.getByRole("button", { name: "Add a camera" }).click();
  await page.getByLabel("Id", { exact: true }).fill("phone");
  await page.getByRole("button", { name: "It publishes" }).click();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  const link = await page.getByLabel(/This opens a page/).inputValue();
  await page.getByRole("button", { name: "I have kept them" }).click();

  const phone = await context.newPage();
  await phone.goto(link.replace(/token=./, "token=x"));
  await phone.getByRole("button", { name: "Show my camera" }).click();
  await phone.getByRole("button", { name: "Publish" }).click();
  await expect(phone.getByRole("alert")).not.toBeEmpty(); // a wrong token is refused
  await phone.getByLabel("Its token").fill(new URLSearchParams(link.split("?")[1]).get("token")!);
  await phone.getByRole("button", { name: "Publish" }).click();
  await expect(phone.locator("form").getByRole("status")).toContainText("Publishing", { timeout: 30_000 });
  await accessible(phone);
  await picture(phone, "publish");

  const tile = page.locator("li.card").filter({ hasText: "phone" });
  await expect(tile.locator(".state")).toHaveText("online", { timeout: 30_000 });
  await phone.getByRole("button", { name: "Stop" }).click();
  await expect(tile.locator(".state")).toHaveText("offline", { timeout: 30_000 });
});

test("a viewer adds nothing, and sees one camera when it may see one", async ({ page, vigil }) => {
  vigil.play("door", "walk", { loop: true });
  vigil.play("yard", "walk", { loop: true });
  await expect.poll(async () => ((await (await vigil.fetch("/api/v1/cameras")).json()) as { cameras: unknown[] }).cameras.length).toBe(2);
  await logIn(page, vigil, "live", await vigil.newToken("viewer", ["door"]));
  await expect(page.locator("li.card")).toHaveCount(1);
  await expect(page.locator(".mode")).toHaveText("live", { timeout: 30_000 });
  await expect(page.getByRole("button", { name: "Add a camera" })).toHaveCount(0);
});

test("cameras of the configuration are not removed here", async ({ page }) => {
  const vigil = await Vigil.start('cameras: [ { id: porch, publish_token: "0123456789abcdef" } ]');
  try {
    await logIn(page, vigil, "live");
    await expect(page.locator("li.card")).toContainText("porch");
    await expect(page.getByRole("button", { name: "Remove porch" })).toHaveCount(0);
    const answer = await vigil.fetch("/api/v1/cameras/porch", { method: "DELETE" });
    expect(answer.status).toBe(409);
  } finally {
    await vigil.stop();
  }
});
