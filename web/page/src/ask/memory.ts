import { isObject, parseJson } from '../base/json'
import type { Question } from './ask'

/** A question on its way. */
export interface Pending extends Question {
  /** Whether its stream is known: asked once more on purpose, it is another question. */
  isAnswered?: boolean
}

/** Where and how to ask; kept between visits. */
export interface Settings {
  route: string
  model: string
}

export const DEFAULTS: Settings = { route: '/demo/v1/chat/completions', model: 'demo' }

const SETTINGS = 'everstream.settings'
const PENDING = 'everstream.pending'
const ASKED = 'everstream.asked'

export function loadSettings(storage: Storage): Settings {
  const saved = read(storage, SETTINGS)
  return { route: text(saved.route, DEFAULTS.route), model: text(saved.model, DEFAULTS.model) }
}

export function saveSettings(storage: Storage, settings: Settings): void {
  write(storage, SETTINGS, settings)
}

/** Says why a route cannot be asked, or `''`. Other origins are out: the page's policy forbids them, and so would keys. */
export function routeProblem(route: string): string {
  if (!route.startsWith('/') || route.startsWith('//')) return `${JSON.stringify(route)} is not a path; try ${DEFAULTS.route}`
  return ''
}

/**
 * The question on its way, kept until the address names its stream: a reload in between sends it again under the same
 * key and gets the same answer.
 */
export function savePending(storage: Storage, question: Pending | null): void {
  if (question === null) storage.removeItem(PENDING)
  else write(storage, PENDING, question)
}

export function loadPending(storage: Storage): Pending | null {
  const { key, route, model, text: words, isAnswered } = read(storage, PENDING)
  const isWhole = [key, route, model, words].every((part) => typeof part === 'string')
  return isWhole ? ({ key, route, model, text: words, isAnswered: isAnswered === true } as Pending) : null
}

/** The last question asked in this tab: the stream holds the answer only. */
export function saveAsked(storage: Storage, path: string, words: string): void {
  write(storage, ASKED, { path, text: words })
}

export function loadAsked(storage: Storage, path: string): string {
  const saved = read(storage, ASKED)
  return saved.path === path ? text(saved.text, '') : ''
}

function text(value: unknown, fallback: string): string {
  return typeof value === 'string' && value !== '' ? value : fallback
}

function read(storage: Storage, key: string): Record<string, unknown> {
  const value = parseJson(storage.getItem(key) ?? '')
  return isObject(value) ? value : {}
}

/** Storage may be full or forbidden; the page then only forgets more. */
function write(storage: Storage, key: string, value: unknown): void {
  try {
    storage.setItem(key, JSON.stringify(value))
  } catch {
    storage.removeItem(key)
  }
}
