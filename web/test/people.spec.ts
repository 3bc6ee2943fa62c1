import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Page } from "@playwright/test";
import { accessible } from "./axe.ts";
import { expect, logIn, picture, test, type Vigil } from "./vigil.ts";

const portrait = resolve(import.meta.dirname, "../../bin/portrait");

/** photosOf draws photos of somebody, and returns where they are. */
function photosOf(vigil: Vigil, who: "resident" | "stranger"): string[] {
  const dir = join(vigil.dir, who);
  mkdirSync(dir);
  execFileSync(portrait, ["-who", who, dir]);
  return [0, 1, 2].map((n) => join(dir, `${n}.jpg`));
}

/** drop drops files on a part of the page. */
async function drop(page: Page, on: string, files: string[]) {
  const contents = files.map((f) => ({ name: f.split("/").at(-1)!, data: readFileSync(f).toString("base64") }));
  const transfer = await page.evaluateHandle((all) => {
    const data = new DataTransfer();
    for (const { name, data: text } of all) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      data.items.add(new File([bytes], name, { type: name.endsWith("jpg") ? "image/jpeg" : "text/plain" }));
    }
    return data;
  }, contents);
  await page.dispatchEvent(on, "drop", { dataTransfer: transfer });
}

test("enrol by dropping photos, and erase with a receipt", async ({ page, vigil }) => {
  const name = "Zoë O'Neill";
  const photos = photosOf(vigil, "resident");
  const noface = join(vigil.dir, "wall.jpg");
  writeFileSync(noface, Buffer.from(await blank(page), "base64"));
  const text = join(vigil.dir, "notes.txt");
  writeFileSync(text, "no photo");

  await logIn(page, vigil, "people");
  await expect(page.getByRole("heading", { name: "Nobody is enrolled" })).toBeVisible();
  await page.getByRole("button", { name: "New person" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Go on to the photos" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
  await drop(page, ".drop", [...photos, noface, text]);
  await expect(page.getByRole("status").filter({ hasText: "5 of 5 looked at, 3 used" })).toBeVisible({ timeout: 30_000 });
  await expect(page.locator(".results")).toContainText("wall.jpg: no face found");
  await expect(page.locator(".results")).toContainText("notes.txt: neither JPEG nor PNG");
  await expect(page.locator(".photos li")).toHaveCount(3);
  await accessible(page);
  await picture(page, "person");

  await page.getByRole("button", { name: "0.jpg is somebody else" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("Xavier");
  await page.getByRole("button", { name: "Move the photo" }).click();
  await expect(page.locator(".photos li")).toHaveCount(2);
  await page.goto(vigil.console + "/#/people/Xavier");
  await expect(page.locator(".photos li")).toHaveCount(1);
  await page.getByRole("link", { name: "People" }).first().click();
  await expect(page.locator(".people")).toContainText(name);
  await accessible(page);
  await picture(page, "people");

  await page.locator(".people a").filter({ hasText: name }).click();
  await page.getByRole("button", { name: "Erase" }).click();
  await page.getByRole("button", { name: "Erase for ever" }).click();
  const receipt = page.getByRole("dialog", { name: "Erased" });
  await expect(receipt).toContainText("2 photos");
  await receipt.getByRole("button", { name: "To the people" }).click();
  await expect(page.locator(".people")).toContainText("Xavier");
  await expect(page.locator(".people")).not.toContainText(name);
});

/** blank is a photo of nothing, as base64. */
async function blank(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const canvas = new OffscreenCanvas(320, 320);
    const context = canvas.getContext("2d")!;
    context.fillStyle = "#888";
    context.fillRect(0, 0, 320, 320);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  });
}

test("strangers are listed, and several are named at once; a name is text whatever it holds", async ({ page, vigil }) => {
  const name = 'Yan</h1><img src=x onerror="alert(1)"> 🐈/..%2f';
  await logIn(page, vigil);
  vigil.play("door", "solo");
  await expect(page.locator("li.alert").first()).toContainText("clip", { timeout: 45_000 });
  await page.getByRole("link", { name: "People" }).click();
  await expect(page.getByRole("heading", { name: "Strangers" })).toBeVisible();
  for (const box of await page.getByLabel("Select").all()) await box.check();
  await page.getByLabel("Name of the selected").fill(name);
  await page.getByRole("button", { name: /^Name \d/ }).click();
  await expect(page.locator(".people strong")).toHaveText(name);
  await page.locator(".people a").first().click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(name);
});

test("a viewer enrols nobody", async ({ page, vigil }) => {
  await logIn(page, vigil, "people", await vigil.newToken("viewer"));
  await expect(page.getByRole("heading", { name: "Nobody is enrolled" })).toBeVisible();
  await expect(page.getByRole("button", { name: "New person" })).toHaveCount(0);
  await page.goto(vigil.console + "/#/people/Ann");
  await expect(page.locator(".drop")).toHaveCount(0);
});

test("a search finds the alerts that show a face", async ({ page, vigil }) => {
  await logIn(page, vigil);
  vigil.play("door", "solo");
  await expect(page.locator("li.alert").first()).toContainText("clip", { timeout: 45_000 });
  const [photo] = photosOf(vigil, "stranger");
  await page.getByRole("link", { name: "Search" }).click();
  await page.locator('input[type="file"]').setInputFiles(photo!);
  await expect(page.getByText(/[1-9]\d* alerts? searched/)).toBeVisible({ timeout: 30_000 });
  await expect(page.locator(".seen li").first()).toContainText("door");
  await accessible(page);
  await picture(page, "search");
  await page.getByLabel("Time").selectOption("1");
  await expect(page.getByText(/[1-9]\d* alerts? searched/)).toBeVisible();
});
