import { expect, it } from 'vitest'
import { DEFAULTS, loadAsked, loadPending, loadSettings, routeProblem, saveAsked, savePending, saveSettings } from './memory'
import { memoryStorage } from './memoryStorage'

const QUESTION = { key: 'k1', route: '/demo', model: 'demo', text: 'why?' }

it('settings come back as they were saved', () => {
  const store = memoryStorage()
  expect(loadSettings(store)).toEqual(DEFAULTS)
  saveSettings(store, { route: '/local/v1/chat/completions', model: 'small' })
  expect(loadSettings(store)).toEqual({ route: '/local/v1/chat/completions', model: 'small' })
})

it.each(['not json', '7', '{"route":7}', '{"route":""}'])('settings saved as %s are the defaults', (text) => {
  const store = memoryStorage()
  store.setItem('everstream.settings', text)
  expect(loadSettings(store)).toEqual(DEFAULTS)
})

it('a question on its way is found again with its key, until it has arrived', () => {
  const store = memoryStorage()
  expect(loadPending(store)).toBeNull()
  savePending(store, QUESTION)
  expect(loadPending(store)).toEqual({ ...QUESTION, isAnswered: false })
  savePending(store, null)
  expect(loadPending(store)).toBeNull()
})

it('a question is shown with its own stream only', () => {
  const store = memoryStorage()
  saveAsked(store, 'asks/7', 'why?')
  expect(loadAsked(store, 'asks/7')).toBe('why?')
  expect(loadAsked(store, 'asks/8')).toBe('')
})

it('a full storage costs memory of the past and nothing else', () => {
  const full = memoryStorage()
  full.setItem = () => {
    throw new Error('QuotaExceededError')
  }
  expect(() => savePending(full, QUESTION)).not.toThrow()
})

it.each(['https://api.example.com/v1', '//api.example.com/v1', 'demo/v1', ''])('%j is no route of this server', (route) => {
  expect(routeProblem(route)).toContain(DEFAULTS.route)
})

it('a path is a route', () => {
  expect(routeProblem('/local/v1/chat/completions')).toBe('')
})
