import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { accessible } from "./axe.ts";
import { expect, logIn, picture, test, Vigil } from "./vigil.ts";

/** receiver takes webhooks and returns the types of the events that came. */
async function receiver(): Promise<{ url: string; types: string[]; server: Server }> {
  const types: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (b: Buffer) => (body += b));
    request.on("end", () => {
      types.push((JSON.parse(body) as { type: string }).type);
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, types, server };
}

test("health, rules, storage, configuration", async ({ page, vigil }) => {
  await logIn(page, vigil, "system");
  await expect(page.getByText("Everything works")).toBeVisible();
  await expect(page.getByRole("row", { name: /^bus/ })).toContainText("works");
  await accessible(page);
  await picture(page, "system");
  for (const [place, text] of [
    ["Dead letters", "No dead letters"],
    ["Rules", "strangers"],
    ["Storage", "clips"],
    ["Endpoints", "No endpoint"],
    ["Configuration", '"data_dir"'],
  ] as const) {
    await page.getByRole("navigation", { name: "System" }).getByRole("link", { name: place }).click();
    await expect(page.locator("main")).toContainText(text);
    await accessible(page);
  }
});

test("a drill is run at a click, by whoever may", async ({ page, vigil }) => {
  await logIn(page, vigil, "system", await vigil.newToken("viewer"));
  await expect(page.getByText("Everything works")).toBeVisible();
  await expect(page.getByRole("button", { name: "Run a drill" })).toHaveCount(0);
  await page.getByRole("button", { name: "Log out" }).click();
  await logIn(page, vigil, "system");
  await page.getByRole("button", { name: "Run a drill" }).click();
  await expect(page.getByRole("status").filter({ hasText: "Passed" })).toContainText("alert.clip_ready arrived", { timeout: 90_000 });
  await accessible(page);
});

test("an endpoint is tested, and its deliveries are shown", async ({ page }) => {
  const hook = await receiver();
  const secret = "whsec_" + Buffer.from("0123456789abcdef0123456789abcdef").toString("base64");
  const vigil = await Vigil.start(`endpoints: [ { id: home, url: "${hook.url}", secret: "${secret}", allow_private: true } ]`);
  try {
    await logIn(page, vigil, "system/endpoints");
    await page.getByRole("button", { name: "Test" }).click();
    await expect(page.getByRole("status").filter({ hasText: "on its way to home" })).toBeVisible();
    await expect.poll(() => hook.types).toContain("test");
    await page.getByRole("button", { name: "Deliveries" }).click();
    await expect(page.getByRole("dialog")).toContainText("delivered");
    await accessible(page);
    await picture(page, "deliveries");
  } finally {
    await vigil.stop();
    hook.server.close();
  }
});

test("a token is made, works, and is revoked; the audit log tells of it", async ({ page, vigil, browser }) => {
  await logIn(page, vigil, "system/tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("What it is for").fill("tablet");
  await page.getByRole("button", { name: "Make it" }).click();
  const token = await page.getByLabel("It is shown this once").inputValue();
  await accessible(page);
  await page.getByRole("button", { name: "I have kept it" }).click();
  await expect(page.getByRole("row", { name: /tablet/ })).toContainText("viewer");

  const tablet = await (await browser.newContext()).newPage();
  await logIn(tablet, vigil, "system", token);
  await expect(tablet.getByRole("link", { name: "Tokens" })).toHaveCount(0);

  await page.getByRole("button", { name: "Revoke tablet" }).click();
  await expect(page.getByRole("row", { name: /tablet/ })).toHaveCount(0);
  await tablet.reload();
  await expect(tablet.getByLabel("Token")).toBeVisible();

  await page.getByRole("link", { name: "Audit log" }).click();
  await expect(page.getByText("as they were written")).toBeVisible();
  await expect(page.getByRole("row", { name: /POST \/api\/v1\/tokens/ })).toContainText("201");
  await accessible(page);
});
