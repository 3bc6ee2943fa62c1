import { accessible } from "./axe.ts";
import { expect, logIn, picture, test } from "./vigil.ts";

test("log in, stay logged in, log out", async ({ page, vigil }) => {
  await page.goto(vigil.console);
  await page.getByLabel("Token").fill("vgl_wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toContainText("wrong token");
  await accessible(page);
  await picture(page, "login");
  await logIn(page, vigil);
  await page.reload();
  await expect(page.getByRole("link", { name: "System" })).toBeVisible();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByLabel("Token")).toBeVisible();
});

test("a viewer is shown what a viewer may do", async ({ page, vigil }) => {
  await logIn(page, vigil, "", await vigil.newToken("viewer"));
  await expect(page.getByRole("link", { name: "People" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Search" })).toHaveCount(0);
  await page.goto(vigil.console + "/#/search");
  await expect(page.getByRole("heading", { name: "Not here" })).toBeVisible();
});

test("a viewer of one camera sees neither people nor the system", async ({ page, vigil }) => {
  await logIn(page, vigil, "", await vigil.newToken("viewer", ["door"]));
  await expect(page.getByRole("link", { name: "Live" })).toBeVisible();
  await expect(page.getByRole("link", { name: "People" })).toHaveCount(0);
  await expect(page.getByRole("link", { name: "System" })).toHaveCount(0);
});

test("the first load is small", async ({ page, vigil }) => {
  const sizes: Promise<number>[] = [];
  page.on("response", (r) => r.url().includes("/assets/") && sizes.push(r.request().sizes().then((s) => s.responseBodySize)));
  await logIn(page, vigil);
  await page.waitForLoadState("networkidle").catch(() => {});
  const bytes = (await Promise.all(sizes)).reduce((a, b) => a + b, 0);
  expect(bytes).toBeLessThan(200_000);
});
