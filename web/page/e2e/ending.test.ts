import { describe, expect } from 'vitest'
import { test } from './support/fixture'
import { append, canonicalText, create, token } from './support/stream'

describe('a stream that closes as', () => {
  for (const reason of ['completed', 'failed', 'interrupted', 'stopped']) {
    test(`${reason} is shown as ${reason}, live and afterwards`, async ({ server, open }) => {
      const path = `endings/${reason}`
      await create(server.url, path)
      await append(server.url, path, token('so '))
      const live = await open(`${server.url}/#/s/${path}`)
      await live.hasEvents(1)
      await append(server.url, path, token('far'), reason)
      await live.sees('status', reason)
      const late = await open(`${server.url}/#/s/${path}`)
      await late.sees('status', reason)
      expect(await live.answer()).toBe('so far')
      expect(await late.answer()).toBe('so far')
    })
  }
})

test('a server that dies in mid-answer is waited for, and the answer ends as interrupted', async ({
  ownServer: server,
  open,
}) => {
  const viewer = await open(server.url)
  await viewer.ask('What survives kill -9?')
  await viewer.hasEvents(5)
  await server.kill()
  await viewer.sees('status', 'reconnecting')
  await viewer.page.getByText('may be down').waitFor()
  await server.start()
  await viewer.sees('status', 'interrupted')
  expect(await viewer.answer()).toBe(await canonicalText(server.url, viewer.streamPath))
  await viewer.lostNothing()
})

test('a question to a server that is down says so, and can be asked again', async ({
  ownServer: server,
  open,
}) => {
  const viewer = await open(server.url)
  await server.kill()
  await viewer.ask('Is anybody there?')
  await viewer.page.getByRole('alert').getByText('does not answer').waitFor()
  await server.start()
  await viewer.press('Ask')
  await viewer.sees('status', 'completed')
})

test('a stream that is not there is shown with the words of the server', async ({ server, open }) => {
  const viewer = await open(`${server.url}/#/s/asks/nobody-made-this`)
  await viewer.sees('status', 'not found')
  const problem = (await (await fetch(`${server.url}/v1/stream/asks/nobody-made-this`)).json()) as { detail: string }
  await viewer.page.getByRole('alert').getByText(problem.detail).waitFor()
  await create(server.url, 'asks/nobody-made-this')
  await append(server.url, 'asks/nobody-made-this', token('here'), 'completed')
  await viewer.press('Try again')
  await viewer.sees('status', 'completed')
  expect(await viewer.answer()).toBe('here')
})

test('a name that begins a new life is read again from its start', async ({ server, open, cutter }) => {
  await create(server.url, 'reborn')
  await append(server.url, 'reborn', token('old ') + token('life'))
  const viewer = await open(`${cutter.url}/#/s/reborn`)
  await viewer.hasEvents(2)
  // The relay holds the viewer's connection open while the name changes hands behind it.
  cutter.pause()
  cutter.cut()
  await fetch(`${server.url}/v1/stream/reborn`, { method: 'DELETE' })
  await create(server.url, 'reborn')
  await append(server.url, 'reborn', token('new'), 'completed')
  cutter.resume()
  await viewer.sees('status', 'completed')
  expect(await viewer.answer()).toBe('new')
})
