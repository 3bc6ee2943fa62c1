import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

/** accessible expects that axe finds nothing serious on the page, in both colour schemes and at both widths. */
export async function accessible(page: Page) {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [400, 1400]) {
      await page.setViewportSize({ width, height: 900 });
      const { violations } = await new AxeBuilder({ page }).analyze();
      const serious = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
      const told = serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" | ")}`);
      expect(told, `${colorScheme}, ${width} px`).toEqual([]);
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(wider, `pixels beyond the window at ${width} px`).toBeLessThanOrEqual(0);
    }
  }
  await page.emulateMedia({ colorScheme: null });
}
