import type { Browser, BrowserContextOptions } from 'playwright-core'
import { test as base } from 'vitest'
import { launchBrowser } from './browser'
import { Cutter } from './cutter'
import { Server } from './server'
import { Viewer } from './viewer'

interface Fixtures {
  browser: Browser
  /** One server for all tests of a file; a test that kills it takes `ownServer`. */
  server: Server
  ownServer: Server
  /** A relay before `server` that can cut. */
  cutter: Cutter
  /** Opens the page as one more person; closed, and checked for faults, after the test. */
  open: (url: string, options?: BrowserContextOptions) => Promise<Viewer>
}

export const test = base.extend<Fixtures>({
  browser: [
    async ({}, use) => {
      const browser = await launchBrowser()
      await use(browser)
      await browser.close()
    },
    { scope: 'file' },
  ],
  server: [
    async ({}, use) => {
      const server = await Server.start()
      await use(server)
      await server.stop()
    },
    { scope: 'file' },
  ],
  ownServer: async ({}, use) => {
    const server = await Server.start()
    await use(server)
    await server.stop()
  },
  cutter: async ({ server }, use) => {
    const cutter = await Cutter.before(server.address)
    await use(cutter)
    await cutter.close()
  },
  open: async ({ browser }, use) => {
    const viewers: Viewer[] = []
    await use(async (url, options) => {
      const viewer = await Viewer.open(browser, url, options)
      viewers.push(viewer)
      return viewer
    })
    for (const viewer of viewers) await viewer.close()
  },
})
