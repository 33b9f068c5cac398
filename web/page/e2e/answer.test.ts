import type { Page, Route } from 'playwright-core'
import { expect } from 'vitest'
import { test } from './support/fixture'
import { canonicalText } from './support/stream'
import { Viewer } from './support/viewer'

/** Lets the first question reach the server and keeps its reply; resolves with the stream's URL in it. */
function holdFirstReply(page: Page): Promise<string> {
  let isFirst = true
  return new Promise((resolve, reject) => {
    const hold = async (route: Route) => {
      if (!isFirst) return route.continue()
      isFirst = false
      const reply = await route.fetch()
      resolve(((await reply.json()) as { url: string }).url)
    }
    page.route('**/chat/completions*', hold).catch(reject)
  })
}

test('a question is answered token by token, to the end', async ({ server, open }) => {
  const viewer = await open(server.url)
  await viewer.ask('What is a durable stream?')
  await viewer.sees('status', 'streaming')
  await viewer.sees('status', 'completed')
  expect(await viewer.answer()).toBe(await canonicalText(server.url, viewer.streamPath))
  expect(await viewer.answer()).not.toBe('')
  await viewer.lostNothing()
})

test('a dropped connection resumes where it was, as often as it is dropped', async ({ server, open }) => {
  const viewer = await open(server.url)
  await viewer.ask('What survives a tunnel?')
  for (const [drops, events] of [3, 12].entries()) {
    await viewer.hasEvents(events)
    await viewer.press('Drop connection')
    await viewer.sees('status', 'reconnecting')
    await viewer.sees('resumes', String(drops + 1))
  }
  await viewer.sees('status', 'completed')
  expect(await viewer.answer()).toBe(await canonicalText(server.url, viewer.streamPath))
  await viewer.lostNothing()
})

test('a connection that the network cuts resumes by itself', async ({ server, cutter, open }) => {
  const viewer = await open(cutter.url)
  await viewer.ask('What survives a proxy?')
  for (const [cuts, events] of [3, 12].entries()) {
    await viewer.hasEvents(events)
    cutter.cut()
    await viewer.sees('resumes', String(cuts + 1))
  }
  await viewer.sees('status', 'completed')
  expect(await viewer.answer()).toBe(await canonicalText(server.url, viewer.streamPath))
  await viewer.lostNothing()
})

test('a tab that is reloaded in mid-answer shows the whole answer', async ({ server, open }) => {
  const viewer = await open(server.url)
  await viewer.ask('What survives a reload?')
  await viewer.hasEvents(5)
  const before = await viewer.answer()
  await viewer.page.reload()
  await viewer.sees('status', 'completed')
  const after = await viewer.answer()
  expect(after.startsWith(before)).toBe(true)
  expect(after).toBe(await canonicalText(server.url, viewer.streamPath))
  expect(await viewer.page.getByRole('heading', { level: 2 }).first().textContent()).toBe('What survives a reload?')
  await viewer.lostNothing()
})

test('a tab that is reloaded before its stream is known asks the model once', async ({ server, open }) => {
  const viewer = await open(server.url)
  // The first reply reaches the browser never: the reload comes between the question and its stream.
  const held = holdFirstReply(viewer.page)
  await viewer.ask('What survives an impatient reload?')
  const url = await held
  await viewer.page.reload()
  await viewer.sees('status', 'completed')
  expect(`/v1/stream/${viewer.streamPath}`).toBe(url)
  expect(await viewer.answer()).toBe(await canonicalText(server.url, viewer.streamPath))
})

test('a tab whose reload overtakes the address asks the model once', async ({ server, open }) => {
  const viewer = await open(server.url)
  await viewer.ask('What survives a reload at the wrong moment?')
  await viewer.hasEvents(1)
  const { streamPath } = viewer
  // What the browser does when the reload has begun before the page could name the stream.
  await viewer.page.evaluate(() => history.replaceState(null, '', '/'))
  await viewer.page.reload()
  await viewer.sees('status', 'completed')
  expect(viewer.streamPath).toBe(streamPath)
  expect(await viewer.answer()).toBe(await canonicalText(server.url, streamPath))
})

test('a second viewer opens the link and sees the same answer, live', async ({ server, open }) => {
  const first = await open(server.url)
  await first.ask('What do two viewers see?')
  await first.hasEvents(3)
  const [page] = await Promise.all([first.context.waitForEvent('page'), first.page.getByTestId('share').click()])
  const second = new Viewer(page)
  await second.sees('status', 'streaming')
  await Promise.all([first.sees('status', 'completed'), second.sees('status', 'completed')])
  expect(await second.answer()).toBe(await first.answer())
  expect(await second.answer()).toBe(await canonicalText(server.url, first.streamPath))
  await second.lostNothing()
  expect(second.faults).toEqual([])
})

test('Stop ends the answer for every viewer and keeps what was said', async ({ server, open }) => {
  const first = await open(server.url)
  await first.ask('What does Stop stop?')
  await first.hasEvents(3)
  const second = await open(first.page.url())
  await second.hasEvents(3)
  await second.press('Stop')
  await Promise.all([first.sees('status', 'stopped'), second.sees('status', 'stopped')])
  const kept = await canonicalText(server.url, first.streamPath)
  expect(await first.answer()).toBe(kept)
  expect(await second.answer()).toBe(kept)
  await first.page.reload()
  await first.sees('status', 'stopped')
  expect(await first.answer()).toBe(kept)
})
