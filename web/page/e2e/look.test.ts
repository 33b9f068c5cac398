import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect } from 'vitest'
import { test } from './support/fixture'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1280]) {
    test(`the page is accessible and fits at ${width} px, ${colorScheme}`, async ({ server, open }) => {
      const options = { colorScheme, viewport: { width, height: 780 } }
      const viewer = await open(server.url, options)
      await viewer.ask('Does it fit?')
      await viewer.hasEvents(10)
      const overflow = await viewer.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
      expect(overflow).toBeLessThanOrEqual(0)
      // Evaluated by the debugger, to which the page's content policy does not apply.
      const results = await viewer.page.evaluate<AxeResults>(`${AXE}; axe.run()`)
      const found = results.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)
      expect(found).toEqual([])
    })
  }
}

test('everything can be done by keyboard', async ({ server, open }) => {
  const viewer = await open(server.url)
  const { page } = viewer
  await page.getByLabel('Question').focus()
  await page.keyboard.press('Control+A')
  await page.keyboard.type('By keyboard?')
  await page.keyboard.press('Enter')
  await viewer.hasEvents(3)
  await page.getByRole('button', { name: 'Stop' }).focus()
  await page.keyboard.press('Space')
  await viewer.sees('status', 'stopped')
  await page.getByRole('button', { name: 'New question' }).focus()
  await page.keyboard.press('Enter')
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('question')
})

test('another mount can be asked, and a route that is none says so', async ({ server, open }) => {
  const viewer = await open(server.url)
  const { page } = viewer
  await page.locator('.settings summary').click()
  await page.getByLabel('Chat completions path').fill('/nowhere/v1/chat/completions')
  await viewer.ask('Anybody?')
  await page.locator('.ask').getByRole('alert').waitFor()
  await page.getByLabel('Chat completions path').fill('/demo/v1/chat/completions?rate=500')
  await viewer.ask('Anybody?')
  await viewer.sees('status', 'completed')
})
