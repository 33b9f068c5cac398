// The shapes of OpenAI's chat completions: what a request may say, and what the answers look like.

import { randomUUID } from 'node:crypto'

const TOKENS_DEFAULT = 256
const TOKENS_MAX = 1024
const ROLES = ['system', 'developer', 'user', 'assistant']

/** A request that cannot be answered: a status, and the error object that the official SDKs read. */
export class Refusal extends Error {
  constructor(status, message, { param = null, code = null, retryAfterSeconds = null } = {}) {
    super(message)
    this.status = status
    this.retryAfterSeconds = retryAfterSeconds
    const type = status < 500 ? 'invalid_request_error' : 'server_error'
    this.body = { error: { message, type, param, code } }
  }
}

/** Checks the JSON text of a request and returns what the model needs of it. */
export function parseRequest(text) {
  const body = parseJson(text)
  return {
    messages: messages(body.messages),
    isStreaming: body.stream === true,
    isUsageWanted: body.stream_options?.include_usage === true,
    tokensMax: tokensMax(body),
    temperature: number(body.temperature, 'temperature', 0, 2, 0),
    seed: number(body.seed, 'seed', 0, 2 ** 32 - 1, 0),
    stop: stop(body.stop)
  }
}

function parseJson(text) {
  let body
  try {
    body = JSON.parse(text)
  } catch (error) {
    throw new Refusal(400, `the body is not JSON: ${error.message}`)
  }
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new Refusal(400, 'the body must be a JSON object')
  }
  return body
}

function messages(value) {
  if (!Array.isArray(value) || value.length === 0) {
    throw new Refusal(400, 'messages must be a list of at least one message', { param: 'messages' })
  }
  const checked = value.map((message, index) => {
    if (!ROLES.includes(message?.role)) {
      throw new Refusal(400, `role must be one of ${ROLES.join(', ')}`, { param: `messages[${index}].role` })
    }
    return { role: message.role, content: content(message.content, `messages[${index}].content`) }
  })
  if (checked.at(-1).role !== 'user') {
    throw new Refusal(400, 'the last message must be the user\'s', { param: 'messages' })
  }
  return checked
}

/** A message's text, whether it is a string or a list of text parts. */
function content(value, param) {
  const parts = Array.isArray(value) ? value : [{ type: 'text', text: value }]
  if (!parts.every((part) => part?.type === 'text' && typeof part.text === 'string')) {
    throw new Refusal(400, 'content must be a string or a list of text parts', { param })
  }
  return parts.map((part) => part.text).join('')
}

function tokensMax(body) {
  const param = body.max_completion_tokens === undefined ? 'max_tokens' : 'max_completion_tokens'
  return Math.floor(number(body[param], param, 1, TOKENS_MAX, TOKENS_DEFAULT))
}

function number(value, param, min, max, otherwise) {
  if (value === undefined || value === null) return otherwise
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw new Refusal(400, `${param} must be a number from ${min} to ${max}`, { param })
  }
  return value
}

function stop(value) {
  const words = value === undefined || value === null ? [] : [value].flat()
  if (words.length > 4 || !words.every((word) => typeof word === 'string' && word !== '')) {
    throw new Refusal(400, 'stop must be a string or a list of at most four', { param: 'stop' })
  }
  return words
}

/** One answer, in either of its two shapes: a list of chunks or one completion. */
export class Answer {
  constructor(model) {
    this.base = { id: `chatcmpl-${randomUUID()}`, created: Math.floor(Date.now() / 1000), model }
  }

  opening() {
    return this.#chunk({ delta: { role: 'assistant', content: '' } })
  }

  text(content) {
    return this.#chunk({ delta: { content } })
  }

  end(finishReason) {
    return this.#chunk({ delta: {}, finish_reason: finishReason })
  }

  usage(usage) {
    return { ...this.base, object: 'chat.completion.chunk', choices: [], usage }
  }

  whole(content, finishReason, usage) {
    const choice = { index: 0, message: { role: 'assistant', content }, logprobs: null, finish_reason: finishReason }
    return { ...this.base, object: 'chat.completion', choices: [choice], usage }
  }

  #chunk(choice) {
    const choices = [{ index: 0, logprobs: null, finish_reason: null, ...choice }]
    return { ...this.base, object: 'chat.completion.chunk', choices }
  }
}
