// A real `vigil serve` for each test, with synthetic cameras.
import { test as base, expect, type Page } from "@playwright/test";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

const bin = resolve(import.meta.dirname, "../../bin");

/** Vigil is a program that runs. */
export class Vigil {
  readonly token: string;
  readonly console: string;
  readonly rtsp: string;
  readonly whip: string;
  #cameras: ChildProcess[] = [];

  private constructor(
    readonly dir: string,
    private readonly process: ChildProcess,
    greeting: Record<string, string>,
  ) {
    this.token = greeting["admin_token"]!;
    this.console = greeting["console"]!;
    this.rtsp = greeting["rtsp"]!;
    this.whip = greeting["whip"]!;
  }

  /** start runs vigil on ports that are free. more is configuration beside its addresses and its folder. */
  static async start(more = ""): Promise<Vigil> {
    const dir = mkdtempSync(join(tmpdir(), "vigil-browser-"));
    const config = `
data_dir: ${JSON.stringify(join(dir, "data"))}
http: { listen: "127.0.0.1:0" }
rtsp: { listen: "127.0.0.1:0" }
webrtc: { udp: "127.0.0.1:0" }
alerts: { visit_gap: 3s }
clips: { pre_roll: 2s, post_roll: 1s }
${/^models:/m.test(more) ? "" : "models: { engine: classic }"}
${more}`;
    const file = join(dir, "vigil.yaml");
    writeFileSync(file, config);
    const child = spawn(join(bin, "vigil"), ["--config", file, "--json", "serve"], { stdio: ["ignore", "pipe", "pipe"] });
    let log = "";
    child.stderr!.on("data", (b: Buffer) => (log += b));
    const line = await new Promise<string>((done, failed) => {
      createInterface({ input: child.stdout! }).once("line", done);
      child.once("exit", () => failed(new Error(`vigil has ended: ${log}`)));
    });
    return new Vigil(dir, child, JSON.parse(line));
  }

  /** play has a camera show a clip of internal/mediatest. It returns what ends it. */
  play(camera: string, clip: string, { loop = false, token = "any" } = {}): () => void {
    const to = new URL(`${this.rtsp}/${camera}`);
    const address = `rtsp://camera:${token}@${to.host}${to.pathname}`;
    const child = spawn(join(bin, "play"), ["-clip", clip, ...(loop ? ["-loop"] : []), address], { stdio: "inherit" });
    this.#cameras.push(child);
    return () => child.kill();
  }

  /** fetch asks the API as the admin. */
  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(this.console + path, { ...init, headers: { ...init.headers, Authorization: `Bearer ${this.token}` } });
  }

  /** newToken makes a token with a role. */
  async newToken(role: string, cameras: string[] = []): Promise<string> {
    const made = await this.fetch("/api/v1/tokens", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: role, role, cameras }),
    });
    expect(made.status).toBe(201);
    return ((await made.json()) as { secret: string }).secret;
  }

  async stop() {
    for (const c of this.#cameras) c.kill();
    if (this.process.exitCode === null) {
      const ended = new Promise((done) => this.process.once("exit", done));
      this.process.kill();
      await ended;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** test has a program of its own, and whatever the browser says against the page fails it. */
export const test = base.extend<{ vigil: Vigil; config: string }>({
  config: ["", { option: true }],
  vigil: async ({ config }, use) => {
    const vigil = await Vigil.start(config);
    await use(vigil);
    await vigil.stop();
  },
  page: async ({ page }, use) => {
    const said: string[] = [];
    page.on("pageerror", (e) => said.push(String(e)));
    page.on("console", (m) => {
      // What a test refuses on purpose is told here too.
      if (m.type() === "error" && !/Failed to load resource/.test(m.text())) said.push(m.text());
    });
    await use(page);
    expect(said, "what the browser says against the page").toEqual([]);
  },
});

/** logIn opens the console at a place, logged in with a token. */
export async function logIn(page: Page, vigil: Vigil, place = "", token = vigil.token) {
  await page.goto(vigil.console + "/#/" + place);
  await page.getByLabel("Token").fill(token);
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("navigation", { name: "Main" })).toBeVisible();
}

const images = resolve(import.meta.dirname, "../../docs/img");

/**
 * picture keeps what the page looks like at 1400 and at 400 px, for the README, when VIGIL_PICTURES is set: pixels differ
 * from machine to machine.
 */
export async function picture(page: Page, name: string) {
  if (!process.env["VIGIL_PICTURES"]) return;
  for (const [width, height] of [
    [1400, 900],
    [400, 800],
  ] as const) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(500); // pictures and videos load
    await page.screenshot({ path: join(images, `${name}-${width}.png`) });
  }
  await page.setViewportSize({ width: 1400, height: 900 });
}

export { expect };
