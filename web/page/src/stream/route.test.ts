import { expect, it } from 'vitest'
import { hashOf, pathInHash, streamPath, streamUrl } from './route'

it.each(['asks/0198c5d2', 'a', 'with space/ü', 'q?x=1#y', '100%'])('a share link to %s leads back to it', (path) => {
  expect(pathInHash(hashOf(path))).toBe(path)
  expect(streamPath(streamUrl(path))).toBe(path)
})

it.each(['', '#', '#/s/', '#/other/a', '#answer-title'])('%j names no stream', (hash) => {
  expect(pathInHash(hash)).toBeNull()
})

it('a stream can be named by an absolute URL, and another URL names none', () => {
  expect(streamPath('http://127.0.0.1:8000/v1/stream/asks/7?from=now')).toBe('asks/7')
  expect(streamPath('/v1/chat/completions')).toBeNull()
})

it('a fragment that is badly encoded is taken as it stands, for the server to judge', () => {
  expect(pathInHash('#/s/100%')).toBe('100%')
})
