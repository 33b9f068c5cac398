import type { Route } from 'playwright-core'
import { expect } from 'vitest'
import { test } from './support/fixture'
import { append, create } from './support/stream'

/** Asks for an event each 50 ms instead of each second. */
const hurry = (route: Route) => route.continue({ url: `${route.request().url()}&interval_ms=50` })

test('GET /event brings ten events, closes, and is not opened again', async ({ server, open }) => {
  const { page } = await open(server.url)
  const requests: string[] = []
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/event') requests.push(request.url())
  })
  for (const [run, app] of ['quick', 'slow'].entries()) {
    if (app === 'quick') await page.route('**/event?*', hurry)
    else await page.unroute('**/event?*')
    await page.getByLabel('appId').fill(app)
    await page.getByRole('button', { name: 'Run' }).click()
    await page.locator('.rows tr.note', { hasText: 'closed' }).nth(run).waitFor()
    expect(await page.locator('.rows tr.event', { hasText: app }).count()).toBe(10)
  }
  // The second run lasts ten seconds: a reconnect of the first would show as a third request.
  expect(requests).toHaveLength(2)
  expect(await page.locator('.rows td.type', { hasText: 'close' }).count()).toBe(2)
})

test('GET /event without a parameter shows the words of the server', async ({ server, open }) => {
  const { page } = await open(server.url)
  await page.getByLabel('appId').fill('')
  await page.getByRole('button', { name: 'Run' }).click()
  await page.locator('.event-demo').getByRole('alert').getByText('appId').waitFor()
})

test('the inspector lists id, type, data and time, and can be filtered and cleared', async ({ server, open }) => {
  await create(server.url, 'inspected')
  await append(server.url, 'inspected', 'data: first\n\nevent: error\ndata: second\n\n', 'completed')
  const { page } = await open(`${server.url}/#/s/inspected`)
  const rows = page.locator('.rows tr.event')
  await rows.nth(2).waitFor()
  expect(await rows.locator('.type').allTextContents()).toEqual(['message', 'error', 'close'])
  expect(await rows.nth(0).locator('.id').textContent()).toMatch(/^[A-Za-z0-9]+-1$/)
  expect(await rows.nth(0).locator('.time').textContent()).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/)
  await page.getByPlaceholder('Filter').fill('SECOND')
  await page.getByText('1 of 5 rows.').waitFor()
  expect(await rows.locator('.data').allTextContents()).toEqual(['second'])
  await page.getByRole('button', { name: 'Clear' }).click()
  await page.getByText('0 events').waitFor()
})

test('a long history is counted in full, held in part, and shown at its newest', async ({ server, open }) => {
  await create(server.url, 'long')
  const events = Array.from({ length: 3_000 }, (_, n) => `data: {"n":${n}}\n\n`)
  await append(server.url, 'long', events.join(''), 'completed')
  const { page } = await open(`${server.url}/#/s/long`)
  await page.getByText('3001 events').waitFor()
  await page.getByText('The newest 1000 rows are held.').waitFor()
  expect(await page.locator('.rows tbody tr').count()).toBe(1_000)
  await page.waitForFunction(() => {
    const rows = document.querySelector('.rows')
    return rows !== null && rows.scrollHeight - rows.scrollTop - rows.clientHeight < 24
  })
})
