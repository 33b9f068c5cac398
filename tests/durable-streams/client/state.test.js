// A StreamDB of the state package over Durable Streams: collections of TanStack DB that follow a stream of changes.

import { DurableStream, IdempotentProducer } from '@durable-streams/client'
import { createStateSchema } from '@durable-streams/state'
import { createStreamDB } from '@durable-streams/state/db'
import { expect, test } from 'vitest'

import { serverUnderTest } from './under_test.js'

const server = serverUnderTest(() => ['--long-poll-timeout', '2s'])

/** Takes what has a name. */
const user = {
  '~standard': {
    version: 1,
    vendor: 'everstream-tests',
    validate: (value) => (value?.name ? { value } : { issues: [{ message: 'a user has a name' }] }),
  },
}
const state = createStateSchema({ users: { schema: user, type: 'user', primaryKey: 'id' } })

function open(url, live) {
  return createStreamDB({ streamOptions: { url, contentType: 'application/json' }, live, state })
}

function rows(db) {
  return db.collections.users.toArray.map(({ id, name }) => [id, name]).sort()
}

test.each(['sse', 'long-poll'])('collections follow a stream of changes, live %s', async (live) => {
  const handle = await DurableStream.create({ url: server.stream(`users/${live}`), contentType: 'application/json' })
  const producer = new IdempotentProducer(handle, 'writer', { lingerMs: 0 })
  const change = (event, txid) => producer.append(JSON.stringify({ ...event, headers: { ...event.headers, txid } }))
  change(state.users.insert({ key: 'a', value: { name: 'Ada' } }))
  change(state.users.insert({ key: 'b', value: { name: 'Bo' } }))
  await producer.flush()

  const following = open(handle.url, live)
  await following.preload()
  expect(rows(following)).toEqual([['a', 'Ada'], ['b', 'Bo']])

  change(state.users.update({ key: 'a', value: { name: 'Ada L.' } }))
  change(state.users.delete({ key: 'b' }))
  change(state.users.upsert({ key: 'c', value: { name: 'Cy\u2028' } }), 'last')
  await following.utils.awaitTxId('last')
  const wanted = [['a', 'Ada L.'], ['c', 'Cy\u2028']]
  expect(rows(following)).toEqual(wanted)

  const late = open(handle.url, live)
  await late.preload()
  expect(rows(late)).toEqual(wanted)
  for (const db of [following, late]) db.close()
})
